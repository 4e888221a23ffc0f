// libpng reports errors by a callback that must not return: here it jumps back to the function that was called, which
// has said `setjmp(trap.jump)` and finds the status in the trap.
#pragma once

#include <setjmp.h>
#include <string.h>

#include <png.h>

#include "pixels.h"

struct png_trap {
  jmp_buf jump;
  int status;
  char *message;
};

static inline _Noreturn void spring(struct png_trap *trap, int status) {
  trap->status = status;
  longjmp(trap->jump, 1);
}

// The callbacks of png_create_read_struct and png_create_write_struct, whose error pointer is the trap.
static _Noreturn void fail(png_structp png, png_const_charp problem) {
  struct png_trap *trap = png_get_error_ptr(png);
  spring(trap, strcmp(problem, "Out of memory") == 0 ? LMC_NO_MEMORY : damaged(trap->message, "%s", problem));
}

static void ignore(png_structp png, png_const_charp problem) { (void)png, (void)problem; }
