#include "gtest/gtest.h"
#include "testing/preload/session.h"

namespace hz3::testlib {
namespace {

constexpr const char* kScript = R"pl(
use strict; use warnings; use Config;
$| = 1;
my $x = 4711;
print "seed $x\n";
sub rnd { $x = ($x * 16807) % 2147483647; return $x % $_[0]; }
my (%table, @list);
for my $i (1 .. 60000) {
  my $key = "k" . rnd(9000);
  $table{$key} .= chr(97 + rnd(26)) x rnd(20);
  delete $table{"k" . rnd(9000)} if $i % 3 == 0;
  push @list, [rnd(1000), $key];
  splice(@list, rnd(scalar @list), 1) if $i % 2;
}
print scalar(keys %table), " ", length(join "", map { $table{$_} } sort keys %table), "\n";
my @sorted = sort { $a->[0] <=> $b->[0] || $a->[1] cmp $b->[1] } @list;
print join(",", map { "$_->[0]$_->[1]" } @sorted[0 .. 50]), "\n";
my $text = join " ", map { $_->[1] } @sorted;
my $count = () = $text =~ /k(\d)\1\d* /g;
(my $upper = $text) =~ s/k(\d+)/sprintf("%08x", $1)/ge;
print "$count ", length($upper), " ", unpack("%32C*", $upper), "\n";
for my $i (1 .. 5) {
  my $pid = fork();
  if (!$pid) { my @more = map { "y" x rnd(500) } 1 .. 2000; exit(@more == 2000 ? $i : 99); }
  waitpid($pid, 0);
  print "child ", $? >> 8, "\n";
}
if ($Config{useithreads}) {
  require threads;
  my @threads = map { my $n = $_; threads->create(sub { my $s = 0; $s += length("z" x ($_ % 300)) for 1 .. 20000; return $s + $n; }) } 1 .. 3;
  print join(" ", map { $_->join() } @threads), "\n";
}
)pl";

TEST(Perl, GetsItsMemoryFromTheLibrary) {
  HZ3_NEEDS_PROGRAMS("perl");
  ExpectMallocComesFromLibrary({"perl", "-e", "1"});
}

TEST(Perl, HashesListsRegexesForksAndThreadsGiveTheSame) {
  HZ3_NEEDS_PROGRAMS("perl");
  ExpectSameWithPreload([](Session& session) {
    session.SetEnvironment("PERL_HASH_SEED", "0");
    session.Run({"perl", session.Write("work.pl", kScript)});
  });
}

}  // namespace
}  // namespace hz3::testlib
