// Whether this code is built with a sanitizer that owns malloc and reserves terabytes of address
// space: tests of address-space limits and of preloading say nothing there.
#ifndef BENCH_LIB_SANITIZERS_H_
#define BENCH_LIB_SANITIZERS_H_

#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define HZ3_BENCH_SANITIZED
#endif
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define HZ3_BENCH_SANITIZED
#endif

namespace hz3::bench {

#if defined(HZ3_BENCH_SANITIZED)
inline constexpr bool kSanitizerOwnsMalloc = true;
#else
inline constexpr bool kSanitizerOwnsMalloc = false;
#endif

}  // namespace hz3::bench

#undef HZ3_BENCH_SANITIZED

#endif  // BENCH_LIB_SANITIZERS_H_
