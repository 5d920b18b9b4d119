#include "hz3/observe/sample_table.h"

#include <cstdlib>
#include <map>

#include "gtest/gtest.h"

namespace hz3 {
namespace {

class SampleTableTest : public ::testing::Test {
 protected:
  SampleTableTest() : table_(*static_cast<SampleTable*>(calloc(1, sizeof(SampleTable)))) {}
  ~SampleTableTest() override { free(&table_); }

  static const void* Block(uintptr_t i) { return reinterpret_cast<const void*>(i * 16 + 16); }
  bool Insert(uintptr_t i) { return table_.Insert({Block(i), i, 1, 1}); }

  SampleTable& table_;
};

TEST_F(SampleTableTest, WhatWasInsertedIsFoundOnce) {
  ASSERT_TRUE(table_.Insert({Block(5), 80, 7, 2}));
  Sample sample;
  ASSERT_TRUE(table_.Remove(Block(5), &sample));
  EXPECT_EQ(sample.bytes, 80u);
  EXPECT_EQ(sample.site, 7u);
  EXPECT_EQ(sample.run, 2u);
  EXPECT_FALSE(table_.Remove(Block(5), &sample));
  EXPECT_FALSE(table_.Remove(Block(6), &sample));
}

TEST_F(SampleTableTest, AFullTableTakesNoMoreUntilOneLeaves) {
  for (unsigned i = 0; i < SampleTable::kMaxSamples; ++i) ASSERT_TRUE(Insert(i));
  EXPECT_FALSE(Insert(SampleTable::kMaxSamples));
  Sample sample;
  EXPECT_TRUE(table_.Remove(Block(77), &sample));
  EXPECT_TRUE(Insert(SampleTable::kMaxSamples));
  EXPECT_EQ(table_.count(), SampleTable::kMaxSamples);
}

TEST_F(SampleTableTest, AgreesWithAMapOverManySteps) {
  std::map<const void*, size_t> model;
  uint64_t random = 42;
  for (int step = 0; step < 200'000; ++step) {
    random = Mix(random + 1);
    const uintptr_t i = random % 5000;
    Sample sample;
    if (model.contains(Block(i))) {
      ASSERT_TRUE(table_.Remove(Block(i), &sample));
      ASSERT_EQ(sample.bytes, model[Block(i)]);
      model.erase(Block(i));
    } else {
      ASSERT_FALSE(table_.Remove(Block(i), &sample));
      ASSERT_TRUE(Insert(i));
      model[Block(i)] = i;
    }
    ASSERT_EQ(table_.count(), model.size());
  }
  size_t seen = 0;
  for (unsigned i = 0; i < table_.end(); ++i) {
    if (table_.at(i).block == nullptr) continue;
    EXPECT_EQ(model.at(table_.at(i).block), table_.at(i).bytes);
    ++seen;
  }
  EXPECT_EQ(seen, model.size());
}

}  // namespace
}  // namespace hz3
