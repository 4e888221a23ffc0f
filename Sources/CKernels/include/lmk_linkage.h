// Agglomerative clustering, in double precision.
#ifndef LMK_LINKAGE_H
#define LMK_LINKAGE_H

enum { LMK_WARD = 0, LMK_AVERAGE = 1, LMK_COMPLETE = 2, LMK_SINGLE = 3 };

/// squares[r * stride + c] = ‖a[r] - b[c]‖² of four rows of a and two of b, each `width` long, a multiple of 8.
void lmk_squared_distances(long width, const double *a, const double *b, double *squares, long stride);
/// The least of row[i] + penalties[i], none of them NaN, and the first i that has it; -1 where none is below infinity.
void lmk_nearest(long n, const double *row, const double *penalties, double *least, long *nearest);
/// second[i]: the distance of cluster i, of sizes[i] members, to two that merge (Lance-Williams), from its distances to
/// both. Finite for clusters of size 0, too.
void lmk_merge_distances(
    long n, int linkage, const double *first, double first_size, double second_size, double between,
    const double *sizes, double *second);
/// column[i * stride] = values[i] where sizes[i] > 0.
void lmk_scatter(long n, const double *values, const double *sizes, long stride, double *column);

#endif
