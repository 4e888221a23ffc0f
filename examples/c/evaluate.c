// Scoring features from C: vectors of one's own by k nearest neighbours and a linear probe.
//
//   swift build -c release --product latentmim
//   cc evaluate.c -I ../../Sources/CLatentMIM/include -L ../../.build/release -llatentmim -lm -o evaluate
//   LD_LIBRARY_PATH=../../.build/release ./evaluate
#include <latentmim.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { width = 16, classes = 3, training = 300, tested = 60 };

// Points around a centre for each class.
static void fill(float *values, int64_t *labels, int count, unsigned state) {
  for (int row = 0; row < count; row++) {
    labels[row] = row % classes;
    for (int channel = 0; channel < width; channel++) {
      state = state * 1664525u + 1013904223u;
      float noise = (float)(state >> 8) / (1 << 24) - 0.5f;
      values[row * width + channel] = sinf((float)(labels[row] * width + channel)) + 2 * noise;
    }
  }
}

static bool show(void *context, const char *what, int64_t done, int64_t total) {
  int *calls = context;
  if (done == total) printf("%s: %lld of %lld\n", what, (long long)done, (long long)total);
  ++*calls;
  return true;
}

static bool stop(void *context, const char *what, int64_t done, int64_t total) {
  (void)context, (void)what, (void)total;
  return done < 10;
}

int main(void) {
  static float train_values[training * width], test_values[tested * width];
  static int64_t train_labels[training], test_labels[tested];
  fill(train_values, train_labels, training, 1);
  fill(test_values, test_labels, tested, 2);
  lm_labelled_features train = {train_values, train_labels, training, width};
  lm_labelled_features test = {test_values, test_labels, tested, width};

  int calls = 0;
  char *report;
  lm_status status = lm_evaluate_features(
      &train, &test, "noisy sines",
      "[{\"protocol\": \"knn\", \"options\": {\"k\": [10, 20]}},"
      " {\"protocol\": \"linear\", \"options\": {\"epochs\": 30}}]",
      show, &calls, &report);
  if (status != LM_OK) {
    fprintf(stderr, "latentmim: %s\n", lm_last_error());
    return 1;
  }
  puts(report);
  lm_text_free(report);

  // A progress function may end an evaluation.
  status = lm_evaluate_features(&train, &test, "noisy sines", "[{\"protocol\": \"linear\"}]", stop, NULL, &report);
  printf("%s\n", status == LM_INTERRUPTED ? lm_last_error() : "not stopped");
  return calls > 0 ? 0 : 1;
}
