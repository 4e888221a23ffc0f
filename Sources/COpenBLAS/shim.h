#include <cblas.h>

// LAPACK's symmetric eigenvalue routine, Fortran calling convention; libopenblas carries it, cblas.h does not declare it.
void dsyev_(
    const char *job, const char *triangle, const int *order, double *matrix, const int *leading, double *values,
    double *workspace, const int *workspace_length, int *info);
