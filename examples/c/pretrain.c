// Latent MIM from C: train on images in memory, save, load, take features, segment.
//
//   swift build -c release --product latentmim
//   cc pretrain.c -I ../../Sources/CLatentMIM/include -L ../../.build/release -llatentmim -o pretrain
//   LD_LIBRARY_PATH=../../.build/release ./pretrain model.safetensors
#include <latentmim.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { images = 64, side = 48, patch = 8, grid = side / patch, width = 64 };

static void check(lm_status status) {
  if (status == LM_OK) return;
  fprintf(stderr, "latentmim: %s\n", lm_last_error());
  exit(1);
}

// A coloured square at a place of its own on grey, image by image.
static unsigned char *make_images(void) {
  unsigned char *pixels = malloc(images * side * side * 3);
  if (!pixels) exit(1);
  memset(pixels, 128, images * side * side * 3);
  for (int i = 0; i < images; i++) {
    int top = i * 7 % (side - 16), left = i * 13 % (side - 16);
    for (int row = top; row < top + 16; row++)
      for (int column = left; column < left + 16; column++)
        pixels[((i * side + row) * side + column) * 3 + i % 3] = 255;
  }
  return pixels;
}

int main(int argc, char **argv) {
  const char *path = argc > 1 ? argv[1] : "model.safetensors";
  unsigned char *values = make_images();
  lm_pixels pixels = {values, LM_UINT8, images, side, side, 3};
  lm_dataset *dataset;
  check(lm_dataset_arrays(&pixels, NULL, NULL, 0, &dataset));

  lm_model *model;
  check(lm_model_create(
      "{\"grid\": 6, \"patch_size\": 8, \"patch_gap\": 2, \"num_visible\": 6, \"width\": 64, \"depth\": 2, \"heads\": 4,"
      " \"decoder_width\": 64, \"decoder_depth\": 1, \"decoder_heads\": 4, \"projector_width\": 128}",
      0, &model));
  double chance;
  lm_model_loss_bounds(model, &chance, NULL);

  lm_trainer *trainer;
  check(lm_trainer_create(model, dataset, "{\"epochs\": 5, \"batch_size\": 32, \"base_learning_rate\": 4e-3}", &trainer));
  for (;;) {
    lm_metrics metrics;
    bool done;
    check(lm_trainer_step(trainer, &metrics, &done));
    if (done) break;
    double step = lm_metric_value(&metrics, "step"), loss = lm_metric_value(&metrics, "loss");
    printf("step %.0f: loss %.4f, chance %.4f\n", step, loss, chance);
  }
  check(lm_model_save(model, path));

  lm_encoder *encoder;
  check(lm_encoder_load(path, NULL, &encoder, NULL));
  static float features[(grid * grid + 1) * width];
  pixels.count = 1;
  check(lm_encoder_features(encoder, &pixels, (lm_tap){.norm = true}, NULL, features));

  double merges[(grid * grid - 1) * 4];
  check(lm_agglomerate(features + width, grid * grid, width, "ward", 0, 0, merges));
  int32_t labels[grid * grid];
  check(lm_cut(merges, grid * grid, 3, labels));
  for (int i = 0; i < grid * grid; i++) printf("%d%c", labels[i], (i + 1) % grid ? ' ' : '\n');

  lm_release(encoder);
  lm_release(trainer);
  lm_release(model);
  lm_release(dataset);
  free(values);
  return 0;
}
