#include "bench/matrix/report.h"

namespace hz3::bench {
namespace {

void Field(const char* key, const std::string& value, JsonWriter* json) {
  json->Key(key);
  json->String(value);
}

void Field(const char* key, double value, JsonWriter* json) {
  json->Key(key);
  json->Double(value);
}

void Field(const char* key, bool value, JsonWriter* json) {
  json->Key(key);
  json->Bool(value);
}

void WriteSample(const Sample& sample, Group group, JsonWriter* json) {
  json->BeginObject();
  Field(group == Group::kSynthetic ? "cpu_ns_per_op" : "cpu_s", sample.cpu, json);
  Field("rss_bytes", sample.rss_bytes, json);
  Field("wall_s", sample.wall_s, json);
  json->EndObject();
}

void WriteCell(const Cell& cell, Group group, JsonWriter* json) {
  json->BeginObject();
  Field("allocator", cell.allocator.name, json);
  json->Key("runs");
  json->BeginArray();
  for (const Sample& sample : cell.samples) WriteSample(sample, group, json);
  json->EndArray();
  json->Key("failures");
  json->BeginArray();
  for (const std::string& failure : cell.failures) json->String(failure);
  json->EndArray();
  json->EndObject();
}

void WriteJudgement(const std::string& lane, Metric metric, const Judgement& judgement,
                    JsonWriter* json) {
  json->BeginObject();
  Field("lane", lane, json);
  Field("metric", Name(metric), json);
  Field("verdict", Name(judgement.verdict), json);
  Field("best_peer", judgement.best_peer, json);
  Field("ratio", judgement.ratio, json);
  Field("p", judgement.p, json);
  Field("visible_share", judgement.visible_share, json);
  json->EndObject();
}

void WriteVerdicts(const RowResult& row, const VerdictRules& rules, JsonWriter* json) {
  json->BeginArray();
  for (const Cell& cell : row.cells) {
    if (!cell.allocator.is_ours) continue;
    const std::string& lane = cell.allocator.name;
    for (const Metric metric : kJudged) {
      WriteJudgement(lane, metric, Judge(row, lane, metric, rules), json);
    }
  }
  json->EndArray();
}

void WriteRow(const RowResult& row, const VerdictRules& rules, JsonWriter* json) {
  json->BeginObject();
  Field("row", row.info.name, json);
  Field("group", Name(row.info.group), json);
  Field("remote_unwritten", row.info.remote_unwritten, json);
  Field("filled", row.info.filled, json);
  Field("skipped", row.skipped, json);
  json->Key("allocators");
  json->BeginArray();
  for (const Cell& cell : row.cells) WriteCell(cell, row.info.group, json);
  json->EndArray();
  json->Key("verdicts");
  WriteVerdicts(row, rules, json);
  json->EndObject();
}

void WriteNoise(const RowResults& rows, Metric metric, const VerdictRules& rules,
                JsonWriter* json) {
  const Noise noise = NoiseOf(rows, metric, rules);
  json->Key(Name(metric));
  json->BeginObject();
  Field("median_range", noise.median_range, json);
  Field("visible_share_half", noise.visible_half, json);
  Field("visible_share_nine_of_ten", noise.visible_most, json);
  json->EndObject();
}

}  // namespace

void WriteReport(const RowResults& rows, const ReportOptions& options, JsonWriter* json) {
  json->BeginObject();
  Field("machine", options.machine, json);
  json->Key("runs");
  json->Int(options.runs);
  Field("min_share", options.rules.min_share, json);
  json->Key("noise");
  json->BeginObject();
  for (const Metric metric : kJudged) WriteNoise(rows, metric, options.rules, json);
  json->EndObject();
  json->Key("rows");
  json->BeginArray();
  for (const RowResult& row : rows) WriteRow(row, options.rules, json);
  json->EndArray();
  json->EndObject();
}

}  // namespace hz3::bench
