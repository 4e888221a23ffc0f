// Inner loops: pointers in, pointers out, nothing allocated. Each operation is compiled once per instruction set
// (portable, AVX2, AVX-512, AVX-512 with BF16) and dispatched at run time. Arrays are float32, contiguous and row-major
// unless said otherwise; `void` arrays hold elements of the given type.
#ifndef CKERNELS_H
#define CKERNELS_H

#include <stddef.h>
#include <stdint.h>

#include "lmk_elements.h"

// ---- Threads -------------------------------------------------------------------------------------------------------

typedef void (*lmk_task)(void *context, long index);

/// Calls task(context, i) for every i in 0 ..< count, in any order, on the pool's threads and the caller's. A nested
/// call, or one made while another thread's parallel region runs, is executed by its caller alone.
void lmk_parallel(long count, lmk_task task, void *context);
/// As many as were set; else as many as there are processors that the calling thread may run on, now.
int lmk_thread_count(void);
/// Processors that the calling thread may run on, at least 1.
int lmk_usable_processors(void);
/// Sets the number of threads, the caller's included, from the next parallel region on; clamped to 1 ... 256.
void lmk_set_thread_count(int count);

// ---- Locks ---------------------------------------------------------------------------------------------------------

/// A lock that survives fork: a child takes it over if a thread of the parent held it at the fork. All zeros: unlocked.
struct lmk_lock {
  uint32_t word;
};
/// Returns 1, or 0 if the lock was taken over from a parent process: what it guards may then be half changed.
int lmk_lock(struct lmk_lock *lock);
void lmk_unlock(struct lmk_lock *lock);
/// A number that differs between a process and all its ancestors.
uint32_t lmk_process_number(void);

// ---- Instruction sets ----------------------------------------------------------------------------------------------

enum { LMK_PORTABLE = 0, LMK_AVX2 = 1, LMK_AVX512 = 2, LMK_AVX512BF16 = 3, LMK_AMX = 4 };
/// The instruction set in use; the best of this machine unless another was set.
int lmk_instruction_set(void);
int lmk_best_instruction_set(void);
/// Forces a lower one (for tests). Returns 0 and changes nothing if the machine does not support it.
int lmk_set_instruction_set(int set);
/// The arithmetic (LMK_PRODUCT_…) of float32 products in the instruction set in use, AVX2 at least.
int lmk_float32_product(void);
/// That of bfloat16 products, by default the fastest of the instruction set in use: AMX, else
/// VDPBF16PS, except on Intel's cores, where VDPBF16PS is no faster than float32 FMA.
int lmk_bfloat16_product(void);
/// That of products of quantised operands, the fastest of the instruction set in use, AVX2 at least: AMX, else VPDPBUSD
/// of 512 or of 256 bits, else VPMADDUBSW.
int lmk_int8_product(void);
/// These set it; a negative value restores the default. They return 0 and change nothing if the instruction set in use
/// does not support it.
int lmk_set_bfloat16_product(int arithmetic);
int lmk_set_int8_product(int arithmetic);

/// For measuring the peak rate: multiplies and adds in registers only, on the caller's thread, with the given
/// LMK_PRODUCT_… arithmetic. Returns the number of floating-point operations done.
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
/// y = x·σ(a·x + b·x³): SiLU, and two approximations of GELU.
void lmk_sigmoid_unit(long n, float a, float b, const void *x, void *y, int type);
void lmk_sigmoid_unit_gradient(long n, float a, float b, const void *x, const void *dy, void *dx, int type);

// ---- Dropout --------------------------------------------------------------------------------------------------------

/// A stream of random numbers: key and counter of Philox4x32-10, without the position in the stream.
struct lmk_stream {
  uint32_t key[2], item, epoch, purpose;
};
/// Each draw gives four words. A block of 4 · LMK_DROPOUT_DRAWS consecutive elements of a row takes LMK_DROPOUT_DRAWS
/// draws; its element i uses word i / LMK_DROPOUT_DRAWS of draw i % LMK_DROPOUT_DRAWS.
enum { LMK_DROPOUT_DRAWS = 64 };
/// y [rows, width] = scale · x where the element's random word is at least `threshold`, else 0. Every row starts a new
/// block of draws; the first row's starts at position `first` of the stream.
void lmk_dropout(
    long rows, long width, const void *x, void *y, int type, const struct lmk_stream *stream, uint32_t first,
    uint32_t threshold, float scale);

// ---- Rows [rows, width] --------------------------------------------------------------------------------------------

/// y[r] = bias + residual[r]; either may be NULL, not both.
void lmk_fill_rows(long rows, long width, const float *bias, const float *residual, float *y);
/// sums[i] += Σ_r x[r, i]
void lmk_add_column_sums(long rows, long width, const void *x, float *sums, int type);
/// means[i] = Σ_r x[r, i] / rows, summed in double precision: in float32 the mean of 10⁵ equal numbers is another one.
void lmk_column_means(long rows, long width, const void *x, float *means, int type);
void lmk_layer_norm(
    long rows, long width, const void *x, int x_type, const float *weight, const float *bias, float epsilon, void *y,
    int y_type, float *mean, float *rstd);
/// Overwrites dx; adds to dweight and dbias [width].
void lmk_layer_norm_gradient(
    long rows, long width, const void *x, int x_type, const float *weight, const float *mean,
    const float *rstd, const void *dy, int dy_type, void *dx, int dx_type, float *dweight, float *dbias);
/// x[r] = softmax(scale · x[r]) in place; log_sum_exp[r] = log Σ exp(scale · x[r]). Rows are `stride` elements apart, a
/// multiple of 16 and at least `columns`. The padding up to the next multiple of 16 is overwritten; the gradient needs
/// in y's padding what softmax wrote there.
void lmk_softmax(long rows, long columns, long stride, float scale, float *x, float *log_sum_exp);
/// Recomputes softmax from scores x and their log_sum_exp, in place.
void lmk_softmax_from_log_sum_exp(
    long rows, long columns, long stride, float scale, float *x, const float *log_sum_exp);
/// Replaces dy by the gradient of the unscaled scores: scale · y ∘ (dy - Σ y ∘ dy).
void lmk_softmax_gradient(long rows, long columns, long stride, float scale, const float *y, float *dy);
/// y[r] = g·σ(g)·v for x[r] = [g, v], `width` numbers each; x is twice as wide as y.
void lmk_gated(long rows, long width, const void *x, void *y, int type);
/// Overwrites dx.
void lmk_gated_gradient(long rows, long width, const void *x, const void *dy, void *dx, int type);
/// Turns each of `vectors` vectors [a, b], halves of `half` numbers: y = [a·cos − b·sin, b·cos + a·sin].
void lmk_rotate(long vectors, long half, const float *cosines, const float *sines, const void *x, void *y, int type);
/// y[r] = x[r] / max(‖x[r]‖, 1e-12)
void lmk_normalize(long rows, long width, const float *x, float *y, float *norms);
void lmk_normalize_gradient(long rows, long width, const float *y, const float *norms, const float *dy, float *dx);
/// Per column: y = (x - mean) / (std + epsilon), std with rows - 1 degrees of freedom (rows >= 2).
/// rstd [width] = 1 / (std + epsilon).
void lmk_standardize(
    long rows, long width, const float *x, float epsilon, float *y, float *rstd);
void lmk_standardize_gradient(
    long rows, long width, const float *y, const float *rstd, float epsilon, const float *dy, float *dx);

// ---- Optimiser -----------------------------------------------------------------------------------------------------

/// Constants of one step: decay = 1 - lr · weight decay; rate = lr / (1 - β₁ᵗ); square_correction = 1 / (1 - β₂ᵗ).
struct lmk_adamw_factors {
  float beta1, beta2, epsilon, decay, rate, square_correction;
};
/// One AdamW step. If `target` is not NULL, the same pass updates the exponential moving average
/// target = momentum · target + (1 - momentum) · parameter.
void lmk_adamw(
    long n, float *parameter, const float *gradient, float *mean, float *square,
    const struct lmk_adamw_factors *factors, float *target, float momentum);
/// target = momentum · target + (1 - momentum) · online
void lmk_average(long n, float momentum, const float *online, float *target);

#include "lmk_images.h"
#include "lmk_attention.h"
#include "lmk_linkage.h"
#include "lmk_product.h"
#include "lmk_quantize.h"

#endif
