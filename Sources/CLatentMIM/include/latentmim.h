/// latentmim: learning visual representations from unlabelled images by masked image modelling in latent space.
///
/// The whole C interface, and the only contract between languages. Conventions:
///
/// - Every function that can fail returns an `lm_status`; `lm_last_error()` then says what was wrong, where, and what
///   was wanted. Results are written only on LM_OK.
/// - Handles (`lm_model *` …) go back to lm_release. A handle keeps alive what it was made from: a trainer its model,
///   an encoder its model's weights.
/// - Arrays are dense, last index fastest. Images are [count, height, width, channels]; tokens [B, N, C].
/// - Sizes are checked before memory is taken: LM_VALUE where impossible, LM_MEMORY where the machine has less.
/// - Text is UTF-8, paths are the bytes of the system, whatever they mean. What arrives in a `char **` is freed with
///   lm_text_free.
/// - Options travel as JSON text, one object; NULL or "{}" stands for all defaults. Unknown names are refused by name.
/// - A model shares its weights with the trainers, optimisers and encoders made from it: such handles, and any single
///   handle, must not be used by two threads at once. Unrelated handles may.
/// - Memory that a data set only borrows (`lm_dataset_arrays`) must stay where it is until that handle and every handle
///   made from it are released: a trainer keeps its data set.
#ifndef LATENTMIM_H
#define LATENTMIM_H

#include <stdbool.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

// ---- Errors --------------------------------------------------------------------------------------------------------

typedef enum lm_status {
  LM_OK = 0,
  LM_VALUE = 1,        ///< an argument, option, shape or file content is not acceptable
  LM_IO = 2,           ///< the operating system refused to read or write
  LM_MEMORY = 3,       ///< out of memory
  LM_INTERRUPTED = 4,  ///< the interrupt check asked to stop
  LM_NOT_FINITE = 5,   ///< the computation left the finite numbers
  LM_COLLAPSED = 6,    ///< training has collapsed: see the training options collapse_similarity and collapse_rank
} lm_status;

/// What the last failed call of this thread has to say; valid until the thread's next failing call. Never NULL.
const char *lm_last_error(void);
/// The system's error number where the system refused, else 0; and the path it was about, else NULL.
int32_t lm_last_errno(void);
const char *lm_last_path(void);
/// Frees a text that a function of this library handed out; NULL is fine.
void lm_text_free(char *text);

// ---- Runtime -------------------------------------------------------------------------------------------------------

/// "major.minor.patch"
const char *lm_version(void);
/// Gives back a handle of any kind; NULL is fine.
void lm_release(void *handle);
/// Threads that compute, the caller's included. Results do not depend on their number.
int32_t lm_thread_count(void);
/// LM_VALUE outside 1 … 256.
lm_status lm_set_thread_count(int64_t count);
/// The instruction set in use: "portable", "avx2", "avx512", "avx512bf16", or "amx": that and Intel's AMX.
const char *lm_instruction_set(void);
/// Forces one. LM_VALUE where the machine does not have it.
lm_status lm_set_instruction_set(const char *name);
/// Whether the instruction set in use computes at that precision: "float32", "bf16", "int8" or "auto".
bool lm_has_precision(const char *name);
/// What computes in this process, for reports of problems: {"version", "instruction_set", "instruction_sets": those
/// that this machine has, "threads", "precision": what "auto" stands for, "memory_limit": {"bytes", "reason"},
/// "libraries": {"products": "OpenBLAS 0.3.21 …", "JPEG": "libjpeg-turbo 2.1.5", …}}.
lm_status lm_environment(char **report);
/// Long calls ask `check` (or NULL) now and then, on the calling thread; true ends them with LM_INTERRUPTED.
void lm_set_interrupt_check(bool (*check)(void));

/// Memory of the library's arrays.
typedef struct lm_memory {
  int64_t allocations;  ///< blocks asked of the system since the start
  int64_t bytes_in_use;
  int64_t peak_bytes_in_use;
  int64_t bytes_kept;  ///< kept for reuse
} lm_memory;
void lm_memory_statistics(lm_memory *statistics);

/// Floating-point operations a second that all threads reach in registers, in about `seconds`: 600 at most.
lm_status lm_measure_peak(const char *precision, double seconds, double *flops_per_second);
/// The same for one of the products of a linear map of `rows` tokens: `kind` is "forward", "input_gradient" or
/// "weight_gradient", which has no "int8"; sizes are 1 … 2²⁴.
lm_status lm_measure_product(
    const char *kind, int64_t rows, int64_t out_width, int64_t in_width, const char *precision, double seconds,
    double *flops_per_second);

/// Measures where the time of what follows goes, until lm_profile_stop: {"part: operation": [calls, seconds,
/// floating-point operations, bytes], …}. One computation is profiled at a time.
void lm_profile_start(void);
lm_status lm_profile_stop(char **entries);

// ---- Configurations ------------------------------------------------------------------------------------------------

/// Checks model options and completes them: `*resolved` holds every option with its value. Besides the options it takes
/// "preset" ("official", "paper"), "size" ("vit_tiny" … "vit_huge") and "mask_ratio".
lm_status lm_model_options(const char *options, char **resolved);
/// The same for training options.
lm_status lm_training_options(const char *options, char **resolved);
/// The options in which a model's differ from a preset: {"name": [value, preset's value], …}.
lm_status lm_model_options_difference(const char *options, const char *preset, char **difference);

/// What options there are: {"name": {"type": "integer" | "number" | "flag" | "text" | "choice" | "sides", "least",
/// "largest" or "choices", "optional": null is taken, "list": several are, "default"}, …}. `name` of the list: "model",
/// "training", "features" (how images become vectors), "pretrained" (what is said about weights of other projects),
/// "tracking" (its defaults are those of the preset "dino"), "without_labels", or a protocol of lm_evaluate.
lm_status lm_options(const char *name, char **list);

/// The sizes of what a model sees, predicts and gives.
typedef struct lm_sizes {
  int64_t rows, columns;              ///< the grid of training crops
  int64_t num_patches;                ///< L, its cells
  int64_t num_visible, num_target;    ///< V and T; 0 where masks draw them, batch by batch
  int64_t cell;                       ///< side of a cell, a patch and its gap, in pixels
  int64_t crop_height, crop_width;    ///< training crops, gaps included, in pixels
  int64_t image_height, image_width;  ///< images that inference sees by default, without gaps
  int64_t patch_size, channels;
  int64_t width, depth, heads;  ///< C, the blocks of the encoder, the heads of their attention
} lm_sizes;
lm_status lm_model_sizes(const char *options, lm_sizes *sizes);

// ---- Views ---------------------------------------------------------------------------------------------------------

/// Which patches of each image are seen and which are predicted, in a grid of L cells.
typedef struct lm_views {
  int64_t batch;
  int64_t num_visible;    ///< V
  int64_t num_target;     ///< T; L − V, but for multi_block masks
  int64_t num_patches;    ///< L
  int64_t target_blocks;  ///< equal blocks that targets are made of, each predicted for itself; multi_block masks: 4
  int32_t *visible;       ///< [batch, V] cell numbers, row by row
  int32_t *target;        ///< [batch, T]
  int32_t *offsets;       ///< [batch, L, 2] row and column offset of each cell's patch, pixels
} lm_views;

/// Draws views. Those of an image depend on seed, epoch and its index alone; with multi_block masks, sizes also on the
/// batch. `images`: [views->batch] indices in the data set. Where an array of `views` is NULL, only the sizes are
/// written; else they must be those written before.
lm_status lm_views_sample(
    const char *model_options, uint64_t seed, int64_t epoch, const int64_t *images, lm_views *views);

// ---- Arrays --------------------------------------------------------------------------------------------------------

/// An array by name, read where it lies.
typedef struct lm_array {
  const char *name;
  const int64_t *shape;  ///< [dimensions]
  int32_t dimensions;    ///< at most 32
  const float *values;
} lm_array;

// ---- Images --------------------------------------------------------------------------------------------------------

typedef enum lm_pixel_type { LM_UINT8 = 0, LM_FLOAT32 = 1, LM_UINT16 = 2 } lm_pixel_type;

/// Images of one size in memory. uint8: 0 … 255; uint16: 0 … 65535; float32: 0 … 1.
typedef struct lm_pixels {
  const void *values;  ///< [count, height, width, channels]
  lm_pixel_type type;
  int64_t count, height, width, channels;
} lm_pixels;

/// LM_VALUE where these are no images of that order: an impossible shape, or one that is surely [count, channels,
/// height, width].
lm_status lm_pixels_check(const lm_pixels *pixels);
/// Resamples images to [count, height, width, channels] float32 in 0 … 1: bicubic, antialiased.
lm_status lm_resize(const lm_pixels *pixels, int64_t height, int64_t width, float *resized);

/// One decoded image.
typedef struct lm_image lm_image;
/// The formats that are read: {"JPEG": [".jpg", …], …}, with the usual endings of file names. Free the text with
/// lm_text_free.
lm_status lm_image_formats(char **formats);
/// What image files are brought to. Grey is repeated to make RGB, RGB is weighted to make grey; alpha is composed on
/// the background unless `channels` asks for it too (4; 2 for grey and alpha). Any other number is wanted as it is.
typedef struct lm_conversion {
  int64_t channels;
  float background[3];  ///< 0 … 1, for red, green and blue
} lm_conversion;
/// Decodes an image file, told by its content, turned as its orientation says. `conversion` NULL: RGB on white.
lm_status lm_image_load(const char *path, const lm_conversion *conversion, lm_image **image);
void lm_image_size(const lm_image *image, int64_t *height, int64_t *width, int64_t *channels);
/// Writes [height, width, channels] float32 in 0 … 1.
void lm_image_read(const lm_image *image, float *values);

/// A label for each pixel of a picture.
typedef struct lm_label_map lm_label_map;
/// The labels in a file, as they are stored: indices of a palette, grey of 1 to 16 bits, integers of an NPY file; never
/// by way of colours. LM_VALUE where the file holds colours or floats, or its format changes numbers.
lm_status lm_labels_load(const char *path, lm_label_map **map);
void lm_labels_size(const lm_label_map *map, int64_t *height, int64_t *width);
/// Writes [height, width].
void lm_labels_read(const lm_label_map *map, int32_t *labels);
/// Writes labels [height, width], each 0 … 255, as a PNG file of 8 bits with a palette of 256 colours, whole or not at
/// all. The path ends in .png.
lm_status lm_labels_save(const char *path, const int32_t *labels, int64_t height, int64_t width);

// ---- Datasets ------------------------------------------------------------------------------------------------------

typedef struct lm_dataset lm_dataset;
/// Image files below a folder, sorted by path; its sub-folders are the classes, where there are more of them than
/// images beside them, which are then left out. `skip_unreadable`: a file that cannot be read is noted in the
/// description, and the next readable one takes its place, instead of failing. `conversion` NULL: RGB on white.
/// `also_endings` (may be NULL): "gif,dcm", of files that are taken besides. `remarks` (may be NULL): what was left
/// out, one line each, or NULL.
lm_status lm_dataset_folder(
    const char *path, bool skip_unreadable, const lm_conversion *conversion, const char *also_endings,
    lm_dataset **dataset, char **remarks);
/// Image files by their paths. `paths`: `bytes` bytes, a zero behind each path. `labels`: [label_count], one a path, or
/// NULL. `classes`: their names in the order of labels, `class_bytes` bytes as `paths`, or NULL and 0.
lm_status lm_dataset_files(
    const char *paths, int64_t bytes, const int64_t *labels, int64_t label_count, const char *classes,
    int64_t class_bytes, bool skip_unreadable, const lm_conversion *conversion, lm_dataset **dataset);
/// Image files in the one file that `latentmim pack` writes.
lm_status lm_dataset_packed(
    const char *path, bool skip_unreadable, const lm_conversion *conversion, lm_dataset **dataset);
/// Images in memory, not copied (see above). `labels`: [count], or NULL.
/// `classes` as in lm_dataset_files.
lm_status lm_dataset_arrays(
    const lm_pixels *pixels, const int64_t *labels, const char *classes, int64_t class_bytes, lm_dataset **dataset);
/// Some images of a data set, in any order, as a data set. It keeps what it was made from alive.
lm_status lm_dataset_subset(const lm_dataset *dataset, const int64_t *indices, int64_t count, lm_dataset **subset);
/// `shots` images of every class that has any, drawn as in the protocol few_shot: writes their indices, class by class.
/// `count`: shots times the number of different labels.
lm_status lm_dataset_few_shot(
    const lm_dataset *dataset, int64_t shots, uint64_t seed, int64_t *indices, int64_t count);
int64_t lm_dataset_count(const lm_dataset *dataset);
int64_t lm_dataset_channels(const lm_dataset *dataset);
/// Whether images have labels; writes them to `labels` [count] unless that is NULL.
bool lm_dataset_labels(const lm_dataset *dataset, int64_t *labels);
/// {"classes": [names by label], "skipped": [[index, reason], …]}; bytes of names that are no UTF-8 stand as \udc80 …
/// \udcff.
lm_status lm_dataset_description(const lm_dataset *dataset, char **description);
/// The path of an image's file, in the bytes of the system, valid as long as the data set; NULL for arrays.
const char *lm_dataset_path(const lm_dataset *dataset, int64_t index);
/// What tells it from another data set, as JSON: "images", how many there are, and digests of their "names" below their
/// folder (empty for arrays) and of the "content" of up to 256 of them.
lm_status lm_dataset_fingerprint(const lm_dataset *dataset, char **fingerprint);
/// Adds up some images, decoded at their full size, values in 0 … 1: the number of pixels, and by channel the sums of
/// values and of their squares, each [channels]. Images that cannot be read and are passed over do not count.
lm_status lm_dataset_sums(
    const lm_dataset *dataset, const int64_t *indices, int64_t count, int64_t *pixels, double *sums, double *squares);
/// How many files below a folder are no images of the data set; 0 for arrays.
int64_t lm_dataset_left_out_count(const lm_dataset *dataset);
/// Which, and why: [[path, reason], …], paths as in lm_dataset_description.
lm_status lm_dataset_left_out(const lm_dataset *dataset, char **list);
lm_status lm_dataset_image(const lm_dataset *dataset, int64_t index, lm_image **image);
/// Normalised crops of images, as training sees them in `epoch`: [count, crop height, crop width, channels]. NaN for
/// images that are skipped because they cannot be read, here and in lm_dataset_resized.
lm_status lm_dataset_crops(
    const lm_dataset *dataset, const int64_t *indices, int64_t count, const char *model_options,
    const char *training_options, int64_t epoch, float *crops);
/// Images for evaluation, float32 in 0 … 1, [count, height, width, channels]. `resize` > 0: short side to `resize`
/// pixels, then the centre of height × width; 0: the whole image brought to height × width.
lm_status lm_dataset_resized(
    const lm_dataset *dataset, const int64_t *indices, int64_t count, int64_t resize, int64_t height, int64_t width,
    float *images);

// ---- Models --------------------------------------------------------------------------------------------------------

typedef struct lm_model lm_model;
typedef struct lm_encoder lm_encoder;

/// A model with fresh weights. The target encoder starts as a copy of the online one.
lm_status lm_model_create(const char *options, uint64_t seed, lm_model **model);
/// A model with encoders to begin with; either may be NULL.
///
/// - `start`: both encoders of the model begin as this one, and what it is like stands where `options` say nothing;
///   they must not say otherwise. One of this project's says everything that `options` do not, unless they name a
///   preset. Stored positions become learned ones.
/// - `teacher`: targets are what it says of whole crops (`target_encoder` "frozen"); its weights must not change.
lm_status lm_model_begin(
    const char *options, const lm_encoder *start, const lm_encoder *teacher, uint64_t seed, lm_model **model);
/// Gives a model with frozen targets its teacher, where it was loaded without. LM_VALUE for another than it had.
lm_status lm_model_set_teacher(lm_model *model, const lm_encoder *teacher);
/// A model from a checkpoint or weights file (safetensors). `options` are for files without a configuration: what
/// shapes do not tell. `remarks` (may be NULL): what was noticed, one line each, or NULL.
lm_status lm_model_load(const char *path, const char *options, lm_model **model, char **remarks);
/// A model from arrays under the published names; its configuration is read from their shapes, `options` override.
lm_status lm_model_from_arrays(
    const lm_array *arrays, int64_t count, const char *title, const char *options, lm_model **model, char **remarks);
/// Takes over the parameters of a model of the same configuration. Nothing changes unless all fit.
lm_status lm_model_set_parameters(
    lm_model *model, const lm_array *arrays, int64_t count, const char *title, char **remarks);
/// Writes weights and configuration (safetensors): beside the path, synced, renamed.
lm_status lm_model_save(const lm_model *model, const char *path);
/// All options with their values.
lm_status lm_model_configuration(const lm_model *model, char **options);
/// The loss of predictions that cannot tell targets apart, and of perfect ones.
void lm_model_loss_bounds(const lm_model *model, double *chance, double *floor);

/// One parameter. `shape` has `dimensions` ≤ 4 entries; `trained` is false for the target encoder's.
typedef struct lm_parameter {
  const char *name;  ///< valid as long as the model
  int64_t shape[4];
  int32_t dimensions;
  bool trained;
} lm_parameter;
int64_t lm_model_parameter_count(const lm_model *model);
lm_status lm_model_parameter(const lm_model *model, int64_t index, lm_parameter *parameter);
/// Copies a parameter's values, or its gradient (zeros where none was collected).
lm_status lm_model_read_parameter(const lm_model *model, int64_t index, float *values);
lm_status lm_model_read_gradient(const lm_model *model, int64_t index, float *values);

/// A number that was measured.
typedef struct lm_metric {
  const char *name;  ///< lives as long as the library
  double value;      ///< nan where there was nothing to measure
  bool is_count;     ///< it counts something: steps, epochs
} lm_metric;
enum { LM_MOST_METRICS = 32 };
/// What was measured of a batch: "loss", and "objective_loss", the objective's share of it; mean cosines between the
/// patches of an image, each with itself included: "similarity_predictions", "similarity_visible",
/// "similarity_targets"; "similarity_images" between different images' mean visible tokens, 1 is collapse, and the
/// "effective_rank" of those.
/// Of a step besides: "step" (of those done), "epoch" (zero-based), "learning_rate", "target_momentum", "gamma",
/// "gradient_norm", "images_per_second".
typedef struct lm_metrics {
  int64_t count;
  lm_metric list[LM_MOST_METRICS];
} lm_metrics;
/// The value of that name; nan where there is none.
double lm_metric_value(const lm_metrics *metrics, const char *name);

/// What the loss of a batch is computed from. Images are [batch, crop height, crop width, channels], normalised.
typedef struct lm_crops {
  const float *images;
  const lm_views *views;
  const float *target_images;    ///< recoloured, where target_view is "recolored"; else NULL
  const float *second_images;    ///< other crops of the same images, where contrast_coefficient > 0; else NULL
  const lm_views *second_views;  ///< theirs
} lm_crops;

/// The loss of a batch; gradients are added to those collected. `gamma`: γ of the similarity constraint. `seed`: of
/// what dropout and drop path leave out, where the model has them. `precision`: what the operands of products are
/// rounded to, "float32" (also NULL), "bf16" (LM_VALUE without AVX512-BF16), "int8" (LM_VALUE without AVX2) or "auto"
/// (bf16 where there is). `target_precision`: the same of targets that an encoder computes
/// without gradient; NULL: `precision`.
lm_status lm_model_loss(
    lm_model *model, const lm_crops *crops, double gamma, uint64_t seed, const char *precision,
    const char *target_precision, lm_metrics *metrics);
/// Where a loss stands: `*position` is 1 at chance and 0 at the floor (nan where there is none), `*meaning` says what
/// that means. Of `metrics` it reads the loss and the similarities.
lm_status lm_model_diagnose(lm_model *model, const lm_metrics *metrics, double *position, char **meaning);
lm_status lm_model_clear_gradients(lm_model *model);
/// target ← momentum · target + (1 − momentum) · online
lm_status lm_model_update_target(lm_model *model, double momentum);

// ---- Training ------------------------------------------------------------------------------------------------------

typedef struct lm_adamw lm_adamw;
/// AdamW over the trained parameters of a model.
lm_status lm_adamw_create(
    lm_model *model, double beta1, double beta2, double epsilon, double weight_decay, lm_adamw **optimizer);
/// One step with the gradients collected, which are cleared.
lm_status lm_adamw_step(lm_adamw *optimizer, double learning_rate);

typedef struct lm_trainer lm_trainer;

/// The course of a run.
typedef struct lm_trainer_state {
  int64_t step;  ///< steps done
  int64_t total_steps, steps_per_epoch;
  double peak_learning_rate;
  bool looks_collapsed;  ///< the last step crossed collapse_similarity or collapse_rank
  double progress;       ///< how far the schedules are, 0 … 1
  double seconds;        ///< of lm_trainer_reschedule; 0 where it was not called
} lm_trainer_state;

lm_status lm_trainer_create(
    lm_model *model, const lm_dataset *dataset, const char *training_options, lm_trainer **trainer);
lm_status lm_trainer_progress(const lm_trainer *trainer, lm_trainer_state *state);
/// Lets the run end after `total_steps`, those done included: from here on, at `progress` (0 … 1), its schedules go
/// evenly to their end there. Checkpoints hold it, and `seconds`, what the run has taken, for whoever ends it by the
/// clock.
lm_status lm_trainer_reschedule(lm_trainer *trainer, double progress, int64_t total_steps, double seconds);
/// What a checkpoint remembers the images by, as JSON: their number ("images"), digests of their files' names and of a
/// sample of their content ("names", "content").
lm_status lm_trainer_data(const lm_trainer *trainer, char **fingerprint);
/// The precision that its steps compute with, "float32", "bf16" or "int8": what "auto" stood for when the run began.
lm_status lm_trainer_precision(const lm_trainer *trainer, char **precision);
/// Bytes that a step takes at its fullest, predicted without computing; what the process holds besides is not counted.
typedef struct lm_memory_estimate {
  int64_t weights;  ///< the target encoder's included
  int64_t moments;  ///< the optimiser's
  int64_t step;     ///< batch, activations, gradients, working memory
  int64_t loader;   ///< batches loaded ahead
  int64_t total;
} lm_memory_estimate;
/// Gradients collected are forgotten.
lm_status lm_trainer_memory_estimate(const lm_trainer *trainer, lm_memory_estimate *estimate);
/// One optimiser step. `*done` is true, and nothing else happens, when the run is over.
lm_status lm_trainer_step(lm_trainer *trainer, lm_metrics *metrics, bool *done);
/// Writes everything needed to go on exactly: beside the path, synced, renamed.
lm_status lm_trainer_save(const lm_trainer *trainer, const char *path);
/// Goes back to a saved state. Configurations (workers may differ) and images must be the saved ones; a precision of
/// "auto" becomes the saved one. There may be more epochs than were saved: `remarks` (may be NULL) says then how the
/// schedules go on; else NULL.
lm_status lm_trainer_restore(lm_trainer *trainer, const char *path, char **remarks);

// ---- Encoders ------------------------------------------------------------------------------------------------------

/// The online encoder of a model, sharing its weights.
lm_status lm_encoder_of_model(const lm_model *model, lm_encoder **encoder);
/// The encoder in a checkpoint or encoder file (safetensors), this project's or the vision transformer of another;
/// `options` and `remarks` as for lm_model_load. `options` for weights of others: "family" (docs/encoders.md lists
/// them; told from the names where not given; "latentmim": this project's names), "prefix" (what stands before the
/// encoder's names), "grid", "heads", "mean", "std", "interpolation" (of positions to other grids: "antialiased" as
/// timm does, "bicubic" as Hugging Face, "offset" as DINO), "activation" ("gelu", "quick_gelu", "gelu_tanh"), "epsilon"
/// (of norms). What they do not say is taken from config.json and preprocessor_config.json beside the file, then from
/// the family. A folder, or model.safetensors.index.json of several files, is read too.
lm_status lm_encoder_load(const char *path, const char *options, lm_encoder **encoder, char **remarks);
/// An encoder from arrays under the published names (`encoder.*`) or another project's; see lm_encoder_load. The option
/// "beside" names a file that such configurations lie beside.
lm_status lm_encoder_from_arrays(
    const lm_array *arrays, int64_t count, const char *title, const char *options, lm_encoder **encoder,
    char **remarks);
/// What a safetensors file (or folder, or index) holds: JSON, {name: [element type, [sizes]]}.
lm_status lm_weights_list(const char *path, char **tensors);
lm_status lm_encoder_save(const lm_encoder *encoder, const char *path);
/// The options of the model it belongs to.
lm_status lm_encoder_configuration(const lm_encoder *encoder, char **options);
/// Whose names its weights had: "latentmim", or a family as above.
lm_status lm_encoder_family(const lm_encoder *encoder, char **family);
/// What its network is: JSON of "class_token", "registers", "epsilon", "activation", "pre_norm", "final_norm"
/// ("tokens", "pooled": of the mean of patches, "none"), "interpolation" of positions, "rotary" … and "tensors", a list
/// of [name, shape]: those that lm_encoder_save writes.
lm_status lm_encoder_description(const lm_encoder *encoder, char **description);
/// The numbers of all tensors, one tensor behind the other as lm_encoder_description lists them; `count` in all.
lm_status lm_encoder_read_tensors(const lm_encoder *encoder, float *values, int64_t count);
/// The final norm of `count` means of images' patches [count, C], in place, where the encoder has one of pooled
/// features (fine-tuned MAE and BEiT); else nothing happens.
lm_status lm_encoder_norm_pooled(const lm_encoder *encoder, float *pooled, int64_t count);
/// What tells it from other encoders, saved and read again or not: 16 hexadecimal digits.
lm_status lm_encoder_fingerprint(const lm_encoder *encoder, char **fingerprint);
/// Whether a class token is the first of an image's features.
bool lm_encoder_has_class_token(const lm_encoder *encoder);

/// The patches of an image.
typedef struct lm_grid {
  int64_t rows, columns;
  int64_t tokens;           ///< of its features: its patches, and the class token where there is one
  int64_t attended_tokens;  ///< of attention: the class token, where there is one, registers, and its patches
} lm_grid;
/// The grid of images of height × width pixels, as every function here computes it. `stride`: pixels from a patch to
/// the next, 1 … the patch size, where they overlap; 0: the patch size. LM_VALUE where patches do not fill the size.
lm_status lm_encoder_grid(
    const lm_encoder *encoder, int64_t height, int64_t width, int64_t stride, lm_grid *grid);
/// The nearest size that patches fill. `short_side`: what the shorter side is brought to first, the other in
/// proportion; 0: the size as it is.
lm_status lm_encoder_nearest_size(
    const lm_encoder *encoder, int64_t height, int64_t width, int64_t short_side, int64_t stride,
    int64_t *nearest_height, int64_t *nearest_width);

/// Where features are taken.
typedef struct lm_tap {
  const int32_t *layers;  ///< [layer_count] behind which blocks, 0 … depth; NULL: the last
  int64_t layer_count;
  const char *part;       ///< "tokens" (also NULL), or the "queries", "keys" or "values" of a block's attention
  bool norm;              ///< with the final norm; of tokens
  bool projector;         ///< through the projector, behind the norm; of tokens
  bool extend_positions;  ///< larger images reach further, instead of spanning the trained range
  int64_t stride;         ///< as in lm_encoder_grid
} lm_tap;

/// Features of images, [count, N + 1, C], class token first, patches row by row; [count, N, C] without class token; of
/// `layers` [layer_count, count, …]. Sides must fit lm_encoder_grid, which says how many tokens there are. `precision`:
/// as for lm_model_loss.
lm_status lm_encoder_features(
    const lm_encoder *encoder, const lm_pixels *pixels, lm_tap tap, const char *precision, float *features);
/// The weights by which the attention of a block mixes tokens, [count, heads, queries, attended tokens]; rows have the
/// sum 1. `tap`: its layers are one at most, 1 … depth; of the rest, extend_positions and stride count. `queries`:
/// [query_count] numbers of tokens whose rows are wanted, the class token's is 0; NULL: all.
lm_status lm_encoder_attention(
    const lm_encoder *encoder, const lm_pixels *pixels, lm_tap tap, const int32_t *queries, int64_t query_count,
    const char *precision, float *weights);
/// How far apart images lie behind every layer, 0 … depth: the effective rank of their mean patch tokens and their mean
/// cosine, [depth + 1] each. At least two images.
lm_status lm_encoder_spread(
    lm_encoder *encoder, const lm_pixels *pixels, const char *precision, double *effective_ranks,
    double *similarities);

/// Numbers in the vector of an image: C, and N·C or (N + 1)·C for the poolings "patches" and "tokens", which leave
/// tokens as they are; as many times as there are layers. `options`: as below.
lm_status lm_encoder_features_width(const lm_encoder *encoder, const char *options, int64_t *width);
/// One vector per image of a data set, [count, width], in the order of `indices`. NaN in the row of an image that the
/// data set skips because it cannot be read. `options`: lm_options("features"); defaults are those of `nn`: short side
/// to side/.875, centre crop, mean of the patch tokens before the final norm.
lm_status lm_encoder_dataset_features(
    const lm_encoder *encoder, const lm_dataset *dataset, const int64_t *indices, int64_t count, const char *options,
    float *features);

// ---- Ranks ---------------------------------------------------------------------------------------------------------

/// Memory that goes between the ranks of an lm_communicator.
typedef enum lm_exchange {
  LM_SUM = 0,         ///< float32 at `received` becomes the sum over all ranks, the same bits on each; `sent` is NULL
  LM_GATHER = 1,      ///< `received` becomes what each rank sends, in the order of ranks
  LM_ALL_TO_ALL = 2,  ///< equal part r of `sent` goes to rank r; `received` becomes the parts for this rank, in order
} lm_exchange;

/// How processes reach each other that compute one thing together; MPI is one way. All start the same exchanges in the
/// same order. Both functions return false where that fails, and are called on the thread that called the trainer or
/// encoder.
typedef struct lm_communicator {
  int64_t rank, size;  ///< this process, 0 ..< size
  void *context;       ///< what both functions get; it must outlive what is joined
  /// Starts an exchange; `*request` is what `finish` will know it by. Sizes are in bytes; memory stays until then.
  bool (*start)(
      void *context, lm_exchange exchange, const void *sent, int64_t sent_bytes, void *received,
      int64_t received_bytes, int64_t *request);
  /// Whether an exchange has ended; `waits`: waits until it has.
  bool (*finish)(void *context, int64_t request, bool waits, bool *ended);
} lm_communicator;

/// Makes a trainer one of several that train the same model on the same images, each on its share of every batch: loss,
/// metrics and weights are those of one trainer of all, but for the rounding of sums. The batch size is that of all
/// together. `wire`: what gradients are sent as, "float32" (also NULL) or "bf16". A step that fails on one rank cannot
/// be tried again.
lm_status lm_trainer_join(lm_trainer *trainer, const lm_communicator *communicator, const char *wire);

/// The same encoder, sharing its weights, as one of several that encode the images of data sets together: each its
/// share, and all get everything. All then make the same calls of lm_encoder_dataset_features, lm_evaluate and
/// lm_evaluate_without_labels, whose results are those of one, bit by bit. What one of them fails at fails on all.
lm_status lm_encoder_join(const lm_encoder *encoder, const lm_communicator *communicator, lm_encoder **joined);
/// To be called last for a joined encoder, on all ranks, or as soon as one cannot go on, which ends the calls of the
/// others with that problem.
///
/// - `status`: the kind of the problem; LM_OK where there is none. `problem`: in words.
lm_status lm_encoder_settle(const lm_encoder *joined, lm_status status, const char *problem);

// ---- Evaluation ----------------------------------------------------------------------------------------------------

/// Pools tokens [count, tokens, width], class token first, to [count, width]: "cls", "mean", "max", "topk_mean" of `k`.
lm_status lm_pool(
    const float *features, int64_t count, int64_t tokens, int64_t width, bool has_class_token, const char *pooling,
    int64_t k, float *pooled);

/// Told now and then, on the calling thread, what a long evaluation does. False ends it with LM_INTERRUPTED.
typedef bool (*lm_progress)(void *context, const char *what, int64_t done, int64_t total);

/// Feature vectors of images whose classes are known.
typedef struct lm_labelled_features {
  const float *values;    ///< [count, width]
  const int64_t *labels;  ///< [count], at least 0
  int64_t count, width;
} lm_labelled_features;

/// Scores an encoder by several protocols; images go through it once for each framing and tap.
///
/// - `train`: what protocols learn from, NULL where none does. `test`: what they are scored on.
/// - `entries`: [{"protocol": "nn" | "knn" | "knn_uniform" | "linear" | "few_shot" | "fine_tune", "options": {…},
///   "features": {…}}, …]; `options` as lm_options(protocol) lists them, `features` as lm_options("features"), its
///   defaults the protocol's. NULL: the suite, every protocol that applies but fine_tune; {"suite": [protocol, …]}: a
///   suite of these.
/// - `progress` may be NULL; `context` is handed to it.
/// - `*report`: {"results": [{"protocol", "label", "options", "tap", "train", "test", "classes", "seeds", "accuracy",
///   "deviation", "scores": [[name, accuracy], …], "history": [[name, accuracy], …], "images", "predictions",
///   "neighbors", "losses", "row", "markdown"}, …], "left_out": [[protocol, reason], …], "markdown"}; "images" are the
///   indices of those scored.
lm_status lm_evaluate(
    const lm_encoder *encoder, const lm_dataset *train, const lm_dataset *test, const char *entries,
    lm_progress progress, void *context, char **report);
/// The same for features at hand; entries have no "features". `tap`: where results say that features are taken.
lm_status lm_evaluate_features(
    const lm_labelled_features *train, const lm_labelled_features *test, const char *tap, const char *entries,
    lm_progress progress, void *context, char **report);

/// What an encoder's features say of it without labels: RankMe, effective rank, α-ReQ and similarity behind layers, and
/// LiDAR behind the last of them. No rank says anything where the similarity is near 1.
///
/// - `options`: lm_options("without_labels"). `features`: lm_options("features"), its defaults those of nn; "layer":
///   those that are looked at, all if not given.
/// - `progress`, `context`: as for lm_evaluate.
/// - `*report`: {"options", "tap", "images": how many, "width", "layers": [{"layer" or null, "rankme",
///   "effective_rank", "alpha", "similarity", "is_collapsed"}, …], "lidar" or null, "verdict", "markdown"}; numbers
///   that cannot be had are null.
lm_status lm_evaluate_without_labels(
    const lm_encoder *encoder, const lm_dataset *images, const char *options, const char *features,
    lm_progress progress, void *context, char **report);
/// The same for vectors [count, views, width] from anywhere: ranks are of the first view of each image, LiDAR is of all
/// where there are two or more.
lm_status lm_evaluate_features_without_labels(
    const float *features, int64_t count, int64_t views, int64_t width, char **report);
/// The mean cosine between images above which they are called collapsed, whatever their rank.
double lm_collapsed_similarity(void);

/// The `k` rows of `bank` [bank_count, width] with the largest cosine to each of `queries` [count, width], nearest
/// first, the lowest row first where cosines are equal: `rows` and `cosines` [count, k]. `queries` NULL: those of the
/// bank, `count` of them, each compared with the others.
lm_status lm_nearest_rows(
    const float *queries, int64_t count, const float *bank, int64_t bank_count, int64_t width, int64_t k, int64_t *rows,
    double *cosines);
/// The groups of rows [count, width] that pairs with a cosine of at least `threshold` join: `groups` [count] is the
/// lowest row of each row's group. `progress`, `context`: as for lm_evaluate.
lm_status lm_near_groups(
    const float *features, int64_t count, int64_t width, double threshold, lm_progress progress, void *context,
    int64_t *groups);

/// Fine-tunes a copy of an encoder with a linear classifier on `train`, and scores it on `test` (Table 8c).
///
/// - `options`: lm_options("fine_tune").
/// - `features`: as in lm_encoder_dataset_features: framing and pooling count; NULL: the mean of the patch tokens.
/// - `progress`, `context`: as for lm_evaluate.
/// - `*tuned`: the trained encoder, without a projector. `*report`: one result in the form of lm_evaluate's; its
///   "history" holds the accuracies on the way.
lm_status lm_fine_tune(
    const lm_encoder *encoder, const lm_dataset *train, const lm_dataset *test, const char *options,
    const char *features, lm_progress progress, void *context, lm_encoder **tuned, char **report);

// ---- Segmentation --------------------------------------------------------------------------------------------------

/// Divides rows [count, width] by their length, in place.
lm_status lm_normalize_rows(float *rows, int64_t count, int64_t width);

/// Agglomerative clustering of feature rows [count, width]. `linkage`: "ward", "average", "complete" or "single".
/// `rows` and `columns`: the grid the features lie on, to merge 4-neighbours only; 0 and 0: any two.
/// `merges` [count − 1, 4]: the two clusters merged (count + i is the cluster of merge i), their distance, leaves of
/// the new one.
lm_status lm_agglomerate(
    const float *features, int64_t count, int64_t width, const char *linkage, int64_t rows, int64_t columns,
    double *merges);
/// Labels [count] where such merges are cut into `segments`, numbered by first appearance.
lm_status lm_cut(const double *merges, int64_t count, int64_t segments, int32_t *labels);
/// The same where they are cut at a distance.
lm_status lm_cut_at(const double *merges, int64_t count, double distance, int32_t *labels);

/// Labels at several depths [depths, count]: `segments` [depths] says how many. Where a segment falls in two, the
/// larger part keeps its label and the other gets the next: labels are 0 … segments − 1, and depend on tree and depth
/// alone.
lm_status lm_cut_levels(
    const double *merges, int64_t count, const int64_t *segments, int64_t depths, int32_t *labels);

/// The grid of patches that a picture is segmented on by default, of `most` patches at most; 0: 8192.
lm_status lm_working_grid(
    int64_t height, int64_t width, int64_t patch_size, int64_t most, int64_t *rows, int64_t *columns);
/// The mean features [segments, channels] of the patches of each label; zeros where a label does not occur.
lm_status lm_segment_means(
    const float *features, const int32_t *labels, int64_t count, int64_t channels, int64_t segments, float *means);
/// Labels of pixels [height, width]: of the labels of the four patches around it, a pixel gets the one whose mean
/// ([segments, channels]) is nearest to the features ([rows, columns, channels]) interpolated there.
lm_status lm_upsample_features(
    const int32_t *labels, const float *features, int64_t rows, int64_t columns, const float *means, int64_t segments,
    int64_t channels, int64_t height, int64_t width, int32_t *upsampled);
/// Brings borders of labels [height, width] to the edges of a picture [height, width, channels] in 0 … 1 (guided
/// filter).
lm_status lm_refine_labels(
    const int32_t *labels, const float *image, int64_t height, int64_t width, int64_t channels, int64_t radius,
    double epsilon, int32_t *refined);

/// Brings a label map [rows, columns] to [height, width]. `method`: "nearest", or "bilinear" on one-hot maps.
lm_status lm_upsample_labels(
    const int32_t *labels, int64_t rows, int64_t columns, int64_t height, int64_t width, const char *method,
    int32_t *upsampled);

/// J (region similarity) and F (boundary accuracy) of objects, as DAVIS defines them, each [frames, object_count]; the
/// place of what is not wanted may be NULL. `predicted` and `truth`: [frames, height, width]; the pixels with an
/// object's label are its mask. `ignores_void`: pixels with label 255 in the truth are in no mask.
lm_status lm_mask_scores(
    const int32_t *predicted, const int32_t *truth, int64_t frames, int64_t height, int64_t width,
    const int32_t *objects, int64_t object_count, bool ignores_void, double *similarities, double *accuracies);

/// Scores of label maps, added one after another.
typedef struct lm_scores lm_scores;
/// `kind`: "davis": J and F of the objects in a sequence's first frame, its first and last frame left out;
/// "segmentation": mean IoU and pixel accuracy of segments that are matched with classes (Hungarian method).
/// `options`: lm_options(kind).
lm_status lm_scores_create(const char *kind, const char *options, lm_scores **scores);
/// `name`: of the sequence whose next `frames` these are; of no meaning for "segmentation", where they are images.
/// `predicted` and `truth`: [frames, height, width].
lm_status lm_scores_add(
    lm_scores *scores, const char *name, const int32_t *predicted, const int32_t *truth, int64_t frames, int64_t height,
    int64_t width);
/// What was found so far. "davis": {"overall": S, "sequences": [S and "sequence", …], "objects": [S and "sequence",
/// "object", "similarities", "accuracies", …], "left_out": [[sequence, label, frame], …], "markdown"}, where S is
/// "region_similarity" and "boundary_accuracy", {"mean", "recall", "decay"} each, and their "mean". "segmentation":
/// {"mean_iou", "accuracy", "images": [{"mean_iou", "accuracy", "classes": [[label, segment or null, IoU], …]}, …],
/// "options", "markdown"}; one image stands for all where they are matched together.
lm_status lm_scores_report(const lm_scores *scores, char **report);

// ---- Tracking ------------------------------------------------------------------------------------------------------

/// Follows objects through the frames of a clip: video object segmentation by label propagation. Labels are [height,
/// width] of the clip's frames: 0 background, 1 … 254 objects, 255 void, which counts as background.
typedef struct lm_tracker lm_tracker;

/// Checks options of tracking and completes them: `*resolved` holds every option of lm_options("tracking") with its
/// value. Besides these, `options` take "preset": "dino" (also where none is given), "videowalk", "cropmae", "dinov3".
/// `encoder`: whose normalisation the preset takes over; may be NULL, for one that has ImageNet's.
lm_status lm_tracking_options(const lm_encoder *encoder, const char *options, char **resolved);
lm_status lm_tracker_create(const lm_encoder *encoder, const char *options, lm_tracker **tracker);
/// Begins a clip: its first frame (count 1), with the labels of its objects.
lm_status lm_tracker_start(lm_tracker *tracker, const lm_pixels *frame, const uint8_t *labels);
/// Goes on with the next frame, of the first one's size. `labels` may be NULL; else they are those of objects that are
/// given with this frame, such as new ones: they replace what is propagated where they are not 0 or 255, and the frame
/// stays in the context, like the first. `tracked`: the labels of the frame's pixels. What fails says which frame it
/// is about, and leaves the tracker as it was.
lm_status lm_tracker_add(lm_tracker *tracker, const lm_pixels *frame, const uint8_t *labels, uint8_t *tracked);
/// {"options": {…}, "frames": of the clip so far, "objects": [labels, in the order they appeared], "size": [height,
/// width] that features are computed at, null before a clip has begun}.
lm_status lm_tracker_description(const lm_tracker *tracker, char **description);

#ifdef __cplusplus
}
#endif

#endif
