// PageOracle: what an observer knows about an arena who sees nothing but the results of calls:
// which block was handed out, which came back, what lies in which bin. From that alone it says what
// an allocation that failed could have had.
//
// It keeps a map of all pages and, for each object it has met, where that is. It never looks into
// the heap's bitmaps. The one thing it asks the heap for is where the span of an object begins,
// when it meets the first object of a span; from then on it holds every object against that.
//
// A rule that is broken is kept in error() (the first one); everything after that is undefined.
// Tests only, one thread.
#ifndef TESTING_SIMULATION_PAGE_ORACLE_H_
#define TESTING_SIMULATION_PAGE_ORACLE_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "hz3/base/words.h"
#include "hz3/objects/size_classes.h"

namespace hz3::simulation {

// Where an object or run is, as far as can be seen from outside.
enum class Place : uint8_t {
  kHeap,     // the heap has it, in whatever form: it has to find it when it is needed
  kLive,     // the program has it
  kBin,      // in a bin of its holder
  kStaged,   // left a bin of its holder, or was freed by it: may lie in the holder's remote stash
  kTransit,  // a preempted thread is in the middle of handing it over
  kLost,     // a thread had it that is gone since a fork
};

// A model thread, or a preempted one, by number.
using Holder = uint8_t;
inline constexpr unsigned kHolders = 64;

// What is asked for. Pages are contiguous; more than a segment has are whole slots.
struct Wish {
  SizeClass size_class{0};  // a small class, or 0
  size_t pages = 0;         // of the run; for a small class those of its span
  unsigned align = 1;       // in pages, at most a segment's
};

// Whose bins cannot be had.
using Hidden = std::array<bool, kHolders>;

class PageOracle {
 public:
  // A stretch of pages that is handed out as one: a span, or a run (one object, class 0 or medium).
  struct Block {
    uint32_t first = 0;
    uint32_t pages = 0;
    SizeClass size_class{0};
    uint32_t objects = 1;
    uint32_t live = 0;
    uint32_t elsewhere = 0;  // not live, not with the heap
  };
  // What Survey found for a wish.
  struct Sight {
    bool object = false;       // a span of the class has an object
    bool run = false;          // there are the pages, or slots
    size_t blocked_pages = 0;  // pages that cannot be given back to the system now
  };

  // `span_start` tells the first page of the span that a small object lies in.
  PageOracle(const char* base, uint32_t slots, std::function<uint32_t(const void*)> span_start);

  // The heap gave `p` to the program: an object of class c, or (c = 0) a run of `pages`.
  void HandOut(const void* p, SizeClass c, size_t pages);
  // The program gave the block at `p` back; it is at `to` now.
  void Return(const void* p, Place to, Holder holder);
  // The live run at `p` has `pages` pages now, in place.
  void Resize(const void* p, size_t pages);
  // What was `from` of this holder at `p` is with the heap now, unless it has moved on.
  void Arrive(const void* p, Place from, Holder holder);

  // A bin's contents after a call. First, for all bins that the call may have changed: what was in
  // the bin before and is not now has left to `left_to`. Then, for the same: what is new in it.
  void ObserveLeft(Holder holder, SizeClass c, void* const* entries, unsigned n,
                   const std::function<Place(const void*)>& left_to);
  void ObserveNew(Holder holder, SizeClass c, void* const* entries, unsigned n);
  // The hot path: one pointer more, or one less.
  void PushBin(Holder holder, SizeClass c, void* p);
  void PopBin(Holder holder, SizeClass c, void* p);
  const std::vector<void*>& bin(Holder holder, SizeClass c) const {
    return bins_[holder][c.value()];
  }
  // Whether anything may lie in the holder's remote stash; and that nothing does.
  bool MayHaveStaged(Holder holder) const { return !staged_[holder].empty(); }
  void NothingStaged(Holder holder);
  // The holder is gone, with all that was in its bins and its stash.
  void Lose(Holder holder);

  // Pages [first, first + n) of the arena, free before, are held by a preempted thread; no more.
  void Claim(uint32_t first, uint32_t n);
  void Unclaim(uint32_t first);
  // While a preempted thread is about to announce a slot's mail, nobody can see any of that mail:
  // nothing is promised of the slot.
  void SetMute(uint32_t slot, bool mute) { mute_[slot] += mute ? 1 : -1; }

  // What could be had now, if the bins of `hidden` holders cannot.
  Sight Survey(const Wish& wish, const Hidden& hidden) const;
  // Pages that objects in hidden holders' bins keep from others, and those objects' bytes.
  void Hides(const Hidden& hidden, size_t* pages, size_t* bytes) const;

  // nullptr: nobody but the heap has anything of this page.
  const Block* BlockAt(uint32_t page) const {
    return map_[page] == kNone ? nullptr : &blocks_[map_[page]];
  }
  Place PlaceOf(const Block& block, unsigned object) const { return At(block, object).place; }
  Holder HolderOf(const Block& block, unsigned object) const { return At(block, object).holder; }
  uint32_t pages() const { return static_cast<uint32_t>(map_.size()); }
  uint32_t PageOf(const void* p) const {
    return static_cast<uint32_t>((static_cast<const char*>(p) - base_) >> kPageShift);
  }
  size_t lost() const { return lost_; }

  const std::string& error() const { return error_; }
  // A picture: one character for each page.
  std::string Dump() const;

 private:
  static constexpr uint32_t kNone = ~uint32_t{0};

  struct Spot {
    Place place = Place::kHeap;
    Holder holder = 0;
    uint32_t seen = 0;  // the observation that met it last
  };
  // An object: the block it lies in and its number there.
  struct Object {
    uint32_t block;
    unsigned number;
  };

  void Fail(const std::string& what, const void* p);
  Spot& At(const Block& block, unsigned object) {
    return spots_[size_t{block.first} * kMaxObjects + object];
  }
  const Spot& At(const Block& block, unsigned object) const {
    return spots_[size_t{block.first} * kMaxObjects + object];
  }
  // The object that begins at `p`, as far as the oracle knows; Find: it has to know.
  bool Locate(const void* p, Object* object) const;
  bool Find(const void* p, Object* object);
  Spot* SpotAt(const void* p, Place place, Holder holder, Object* object);
  bool FindOrMake(const void* p, SizeClass c, size_t pages, Object* object);
  uint32_t Make(uint32_t first, size_t pages, SizeClass c);
  void Forget(uint32_t index);
  bool ForgetIfWithHeap(uint32_t index);
  void Move(const Object& object, Place to, Holder holder);
  bool IsHidden(const Spot& spot, const Hidden& hidden) const;
  bool Blocks(const Block& block, const Hidden& hidden) const;
  bool HasRoom(const Block& block, const Hidden& hidden) const;
  char MarkOf(const Block& block) const;

  const char* const base_;
  const std::function<uint32_t(const void*)> span_start_;
  std::vector<uint32_t> map_;
  std::vector<Block> blocks_;
  std::vector<uint32_t> free_blocks_;
  std::vector<Spot> spots_;
  std::vector<int> mute_;
  std::array<std::array<std::vector<void*>, kClasses>, kHolders> bins_;
  std::array<std::vector<const void*>, kHolders> staged_;
  uint32_t observation_ = 0;
  size_t lost_ = 0;
  std::string error_;
};

}  // namespace hz3::simulation

#endif  // TESTING_SIMULATION_PAGE_ORACLE_H_
