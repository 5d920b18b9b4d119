// Heaps that no process ever had, for tests of what is made of them: every kind of page, and a
// course of time.
#ifndef TOOLS_HZ3_TESTING_SAMPLE_VIEWS_H_
#define TOOLS_HZ3_TESTING_SAMPLE_VIEWS_H_

#include "tools/hz3/heap_view.h"
#include "tools/hz3/recording.h"

namespace hz3::tool {

// The heap at step `step`: every step another one.
HeapView SampleView(unsigned step);

// A recording as ParseRecording returns it.
Json SampleRecording(unsigned samples);
// Two samples of a heap of so many segments.
Json LargeRecording(unsigned segments);

}  // namespace hz3::tool

#endif  // TOOLS_HZ3_TESTING_SAMPLE_VIEWS_H_
