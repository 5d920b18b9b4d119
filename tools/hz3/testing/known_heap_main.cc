// Makes the known heap and waits to be killed.
#include <unistd.h>

#include "tools/hz3/testing/known_heap.h"

int main() {
  hz3::tool::ExportKnownHeap();
  for (;;) pause();
}
