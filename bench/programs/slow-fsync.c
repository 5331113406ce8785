/* Loaded into a session manager (LD_PRELOAD): each of its fsync and fdatasync calls takes longer, as on a slower disk.
 * FLAME_BENCH_FSYNC_US says by how many microseconds; other programs that inherit the variable are left alone. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static long delay_us;

__attribute__((constructor)) static void begin(void) {
  const char *text = getenv("FLAME_BENCH_FSYNC_US");
  char line[4096];
  FILE *file = fopen("/proc/self/cmdline", "r");
  size_t length = file == NULL ? 0 : fread(line, 1, sizeof line, file);
  if (file != NULL) fclose(file);
  if (text != NULL && memmem(line, length, "flame-session-manager", 21) != NULL) delay_us = atol(text);
}

static int slowly(const char *name, int fd) {
  int (*real)(int) = (int (*)(int))dlsym(RTLD_NEXT, name);
  int result = real(fd);
  struct timespec left = {delay_us / 1000000, delay_us % 1000000 * 1000};
  if (delay_us > 0) while (nanosleep(&left, &left) != 0) {}
  return result;
}

int fsync(int fd) { return slowly("fsync", fd); }
int fdatasync(int fd) { return slowly("fdatasync", fd); }
