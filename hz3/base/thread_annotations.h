// Clang's thread-safety annotations under short names; nothing with other compilers.
// See https://clang.llvm.org/docs/ThreadSafetyAnalysis.html.
#ifndef HZ3_BASE_THREAD_ANNOTATIONS_H_
#define HZ3_BASE_THREAD_ANNOTATIONS_H_

#if defined(__clang__)
#define HZ3_THREAD_ANNOTATION(x) __attribute__((x))
#else
#define HZ3_THREAD_ANNOTATION(x)
#endif

#define HZ3_CAPABILITY(x) HZ3_THREAD_ANNOTATION(capability(x))
#define HZ3_SCOPED_CAPABILITY HZ3_THREAD_ANNOTATION(scoped_lockable)
#define HZ3_GUARDED_BY(x) HZ3_THREAD_ANNOTATION(guarded_by(x))
#define HZ3_REQUIRES(...) HZ3_THREAD_ANNOTATION(requires_capability(__VA_ARGS__))
#define HZ3_ACQUIRE(...) HZ3_THREAD_ANNOTATION(acquire_capability(__VA_ARGS__))
#define HZ3_RELEASE(...) HZ3_THREAD_ANNOTATION(release_capability(__VA_ARGS__))
#define HZ3_TRY_ACQUIRE(...) HZ3_THREAD_ANNOTATION(try_acquire_capability(__VA_ARGS__))
#define HZ3_NO_ANALYSIS HZ3_THREAD_ANNOTATION(no_thread_safety_analysis)

#endif  // HZ3_BASE_THREAD_ANNOTATIONS_H_
