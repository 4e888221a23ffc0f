#include <cblas.h>
#include <stddef.h>

// LAPACK's singular values by divide and conquer, Fortran calling convention: libopenblas carries it, cblas.h does not
// declare it. Fortran hands over the length of a text behind all arguments.
void dgesdd_(
    const char *job, const int *rows, const int *columns, double *matrix, const int *leading, double *values, double *u,
    const int *leading_u, double *vt, const int *leading_vt, double *workspace, const int *workspace_length,
    int *integer_workspace, int *info, size_t job_length);
