#include "base/check.h"

#include <sys/wait.h>
#include <unistd.h>

#include "check.h"

TEST("an assertion that fails in a debug build ends the process") {
  fflush(stdout);
  const pid_t child = fork();
  if (child == 0) {
    fclose(stderr);
    POSTERN_DCHECK(1 + 1 == 3);
    _exit(0);
  }
  int status = 0;
  waitpid(child, &status, 0);
  CHECK(!WIFEXITED(status) || WEXITSTATUS(status) != 0);
}

TEST("an assertion that holds evaluates its condition once and goes on") {
  int evaluated = 0;
  POSTERN_DCHECK(++evaluated == 1);
  CHECK_EQ(evaluated, 1);
}
