// Platform: the seams to processors and sanitizers. What is written for one of them is chosen here,
// so that every other box is the same everywhere.
//
// Definitions only; usable on every path.
#ifndef HZ3_BASE_PLATFORM_H_
#define HZ3_BASE_PLATFORM_H_

// gcc says it by macros, clang by features.
#if defined(__SANITIZE_ADDRESS__)
#define HZ3_UNDER_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define HZ3_UNDER_ASAN 1
#endif
#endif
#if defined(__SANITIZE_THREAD__)
#define HZ3_UNDER_TSAN 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define HZ3_UNDER_TSAN 1
#endif
#endif
#ifndef HZ3_UNDER_ASAN
#define HZ3_UNDER_ASAN 0
#endif
#ifndef HZ3_UNDER_TSAN
#define HZ3_UNDER_TSAN 0
#endif

// Whether the hot path may be written in assembler, which ThreadSanitizer does not see through.
#if defined(__x86_64__) && !HZ3_UNDER_TSAN
#define HZ3_X86_64_HOT 1
#else
#define HZ3_X86_64_HOT 0
#endif

namespace hz3 {

// Tells the processor that this is a short wait.
inline void CpuRelax() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

}  // namespace hz3

#endif  // HZ3_BASE_PLATFORM_H_
