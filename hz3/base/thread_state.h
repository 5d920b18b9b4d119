// ThreadState: whether a thread of this process runs or sleeps, as proc(5) tells it.
//
// Event path: three system calls and no allocation. errno is kept.
#ifndef HZ3_BASE_THREAD_STATE_H_
#define HZ3_BASE_THREAD_STATE_H_

#include <cstdint>

namespace hz3 {

enum class ThreadState { kUnknown, kRuns, kSleeps };

// The calling thread's id, as gettid(2).
int32_t ThisThreadId();

// kRuns also for one that is ready and waits for a processor; kUnknown when there is no /proc or no
// such thread. What it says may be over when it returns.
ThreadState StateOf(int32_t thread_id);

// The state in the text of a stat file, "id (name) S ..."; the name may hold anything.
ThreadState ParseThreadStat(const char* text);

}  // namespace hz3

#endif  // HZ3_BASE_THREAD_STATE_H_
