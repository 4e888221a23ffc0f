// Inner loops: pointers in, pointers out, nothing allocated. Each operation has one body per instruction set (portable,
// AVX2, AVX-512, that with bfloat16), chosen at run time. Arrays are float32, contiguous, rows one after another,
// unless said otherwise; `void` arrays hold numbers of the type given.
#ifndef CKERNELS_H
#define CKERNELS_H

#include <stddef.h>
#include <stdint.h>

#include "lmk_elements.h"

// ---- Threads -------------------------------------------------------------------------------------------------------

typedef void (*lmk_task)(void *context, long index);

/// Calls task(context, i) for every i in 0 ..< count, in any order, on the pool's threads and the caller's. Inside a
/// region, or while another thread's region runs, the caller does all of it alone.
void lmk_parallel(long count, lmk_task task, void *context);
int lmk_thread_count(void);
/// Threads that take part from the next region on, the caller's included; clamped to 1 ... 256.
void lmk_set_thread_count(int count);

// ---- Locks ---------------------------------------------------------------------------------------------------------

/// A lock that a forked child takes over where a thread that exists in its parent alone held it. All zeros: free.
struct lmk_lock {
  uint32_t word;
};
/// Returns 1; 0 where the lock was taken over, and what it guards may be half changed.
int lmk_lock(struct lmk_lock *lock);
void lmk_unlock(struct lmk_lock *lock);
/// Another number in every process of a line of forks.
uint32_t lmk_process_number(void);

// ---- Instruction sets ----------------------------------------------------------------------------------------------

enum { LMK_PORTABLE = 0, LMK_AVX2 = 1, LMK_AVX512 = 2, LMK_AVX512BF16 = 3, LMK_AMX = 4 };
/// The one in use; the best this machine has until another is set.
int lmk_instruction_set(void);
int lmk_best_instruction_set(void);
/// Forces a lower one (tests). Returns 0, and changes nothing, where the machine does not have it.
int lmk_set_instruction_set(int set);
/// The way of lmk_product.h in which bfloat16 are multiplied, the fastest of the instruction set in use: by AMX where
/// there is one, by dot products of pairs elsewhere but on Intel's cores, where they run at half the rate of ordinary
/// multiply-adds or at the same.
int lmk_bfloat16_product(void);
/// Multiplies that way from now on; a negative one leaves the choice to the library again. Returns 0, and changes
/// nothing, where the instruction set in use does not have it.
int lmk_set_bfloat16_product(int arithmetic);

/// Multiplies and adds in registers only, on the caller's thread, with the instruction set in use and in one of the
/// ways of lmk_product.h; returns the operations done.
double lmk_multiply_add_loop(int arithmetic, long steps);

// ---- Whole arrays of n elements ------------------------------------------------------------------------------------

void lmk_add(long n, const void *a, const void *b, void *sum, int type);
/// y += scale · x
void lmk_add_scaled(long n, float scale, const float *x, float *y);
/// y = scale · x
void lmk_scale(long n, float scale, const float *x, float *y);
double lmk_sum_of_squares(long n, const float *x);
/// Exact GELU, y = x·Φ(x).
void lmk_gelu(long n, const void *x, void *y, int type);
void lmk_gelu_gradient(long n, const void *x, const void *dy, void *dx, int type);

// ---- Dropout --------------------------------------------------------------------------------------------------------

/// A stream of random numbers: what Philox4x32-10 is keyed and counted by, the position aside.
struct lmk_stream {
  uint32_t key[2], item, epoch, purpose;
};
/// Draws that a block of 4 · LMK_DROPOUT_DRAWS neighbours of a row takes: its element number i has word i /
/// LMK_DROPOUT_DRAWS of draw i % LMK_DROPOUT_DRAWS.
enum { LMK_DROPOUT_DRAWS = 64 };
/// y [rows, width] = scale · x where the element's random word is at least `threshold`, else 0. Every row starts a new
/// block of draws, the first one at position `first`.
void lmk_dropout(
    long rows, long width, const void *x, void *y, int type, const struct lmk_stream *stream, uint32_t first,
    uint32_t threshold, float scale);

// ---- Rows [rows, width] --------------------------------------------------------------------------------------------

/// y[r] = bias + residual[r]; either may be NULL, not both.
void lmk_fill_rows(long rows, long width, const float *bias, const float *residual, float *y);
/// sums[i] += Σ_r x[r, i]
void lmk_add_column_sums(long rows, long width, const void *x, float *sums, int type);
void lmk_layer_norm(
    long rows, long width, const void *x, int x_type, const float *weight, const float *bias, float epsilon, void *y,
    int y_type, float *mean, float *rstd);
/// dx is written, dweight and dbias [width] are added to.
void lmk_layer_norm_gradient(
    long rows, long width, const void *x, int x_type, const float *weight, const float *mean,
    const float *rstd, const void *dy, int dy_type, void *dx, int dx_type, float *dweight, float *dbias);
/// x[r] = softmax(scale · x[r]) in place; log_sum_exp[r] = log Σ exp(scale · x[r]). Rows are `stride` numbers apart, a
/// multiple of 16 that is no less than `columns`; what lies between is overwritten. Of the gradient's y it must be what
/// softmax left there.
void lmk_softmax(long rows, long columns, long stride, float scale, float *x, float *log_sum_exp);
/// The same values again from scores and log_sum_exp, in place.
void lmk_softmax_from_log_sum_exp(long rows, long columns, long stride, float scale, float *x, const float *log_sum_exp);
/// dy becomes the gradient of the unscaled scores: scale · y·(dy - y·dy).
void lmk_softmax_gradient(long rows, long columns, long stride, float scale, const float *y, float *dy);
/// y[r] = x[r] / max(‖x[r]‖, 1e-12)
void lmk_normalize(long rows, long width, const float *x, float *y, float *norms);
void lmk_normalize_gradient(long rows, long width, const float *y, const float *norms, const float *dy, float *dx);
/// Down the rows of each column: y = (x - mean) / (std + epsilon), std over rows - 1 (rows >= 2).
void lmk_standardize(
    long rows, long width, const float *x, float epsilon, float *y, float *rstd);
void lmk_standardize_gradient(
    long rows, long width, const float *y, const float *rstd, float epsilon, const float *dy, float *dx);

// ---- Optimiser -----------------------------------------------------------------------------------------------------

/// One step's constants. decay = 1 - lr · weight decay; rate = lr / (1 - β₁ᵗ); square_correction = 1 / (1 - β₂ᵗ).
struct lmk_adamw_factors {
  float beta1, beta2, epsilon, decay, rate, square_correction;
};
/// Where `target` is not NULL it follows in the same pass: target = momentum · target + (1 - momentum) · parameter.
void lmk_adamw(
    long n, float *parameter, const float *gradient, float *mean, float *square, const struct lmk_adamw_factors *factors,
    float *target, float momentum);
/// target = momentum · target + (1 - momentum) · online
void lmk_average(long n, float momentum, const float *online, float *target);

#include "lmk_images.h"
#include "lmk_product.h"

#endif
