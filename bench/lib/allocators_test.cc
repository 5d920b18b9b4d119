#include "bench/lib/allocators.h"

#include <unistd.h>

#include <optional>
#include <vector>

#include "gtest/gtest.h"

namespace hz3::bench {
namespace {

TEST(PeerAllocators, StartWithTheLibrarysOwnAndNameOnlyFilesThatAreThere) {
  const std::vector<Allocator> peers = PeerAllocators();
  ASSERT_FALSE(peers.empty());
  EXPECT_EQ(peers[0].name, "glibc");
  EXPECT_EQ(peers[0].preload, "");
  for (const Allocator& peer : peers) {
    EXPECT_FALSE(peer.is_ours);
    const bool is_there = peer.preload.empty() || access(peer.preload.c_str(), R_OK) == 0;
    EXPECT_TRUE(is_there) << peer.preload;
  }
}

TEST(OurAllocators, AreLeftOutWhereTheyWereNotBuilt) {
  for (const Allocator& allocator : OurAllocators("/no/such/program")) {
    EXPECT_EQ(access(allocator.preload.c_str(), R_OK), 0);
  }
}

TEST(ParsePeer, ReadsNameAndPath) {
  const std::optional<Allocator> peer = ParsePeer("mine=/proc/self/exe");
  ASSERT_TRUE(peer.has_value());
  EXPECT_EQ(peer->name, "mine");
  EXPECT_EQ(peer->preload, "/proc/self/exe");
  EXPECT_FALSE(peer->is_ours);
}

TEST(ParsePeer, RefusesOtherForms) {
  EXPECT_FALSE(ParsePeer("").has_value());
  EXPECT_FALSE(ParsePeer("name").has_value());
  EXPECT_FALSE(ParsePeer("=/proc/self/exe").has_value());
  EXPECT_FALSE(ParsePeer("name=/no/such/file").has_value());
}

}  // namespace
}  // namespace hz3::bench
