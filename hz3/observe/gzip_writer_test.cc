#include "hz3/observe/gzip_writer.h"

#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <string>

#include "gtest/gtest.h"

namespace hz3 {
namespace {

// What gzip(1) makes of the file.
std::string Unzipped(int fd, int* status) {
  const std::string command =
      "gzip -dc < /proc/" + std::to_string(getpid()) + "/fd/" + std::to_string(fd);
  FILE* pipe = popen(command.c_str(), "r");
  std::string text;
  char buffer[4096];
  while (const size_t n = fread(buffer, 1, sizeof(buffer), pipe)) text.append(buffer, n);
  *status = pclose(pipe);
  return text;
}

void ExpectComesBack(const std::string& text, size_t piece) {
  const int fd = memfd_create("gzip", 0);
  ASSERT_GE(fd, 0);
  GzipWriter writer(fd);
  for (size_t i = 0; i < text.size(); i += piece) {
    writer.Append(text.data() + i, std::min(piece, text.size() - i));
  }
  EXPECT_TRUE(writer.Finish());
  int status = -1;
  EXPECT_TRUE(Unzipped(fd, &status) == text);
  EXPECT_EQ(status, 0) << "gzip found fault with a file of " << text.size() << " bytes";
  close(fd);
}

TEST(GzipWriter, GzipReadsBackWhatWasWritten) {
  if (system("gzip --version > /dev/null 2>&1") != 0) GTEST_SKIP() << "gzip, which reads back what was written, is not installed";
  std::string text;
  for (const size_t size : {0u, 1u, 16383u, 16384u, 16385u, 100'000u}) {
    while (text.size() < size) text.push_back(static_cast<char>(text.size() * 7 % 251));
    ExpectComesBack(text, 1000);
    ExpectComesBack(text, size + 1);
  }
}

TEST(GzipWriter, AWriteThatFailsIsReportedAtTheEnd) {
  GzipWriter writer(-1);
  writer.Append("text", 4);
  EXPECT_FALSE(writer.Finish());
  EXPECT_EQ(errno, EBADF);
}

}  // namespace
}  // namespace hz3
