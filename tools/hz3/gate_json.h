// GateJson: the tables of the gate (bench/gate) and of bench:peers, read from their JSON files into
// one form for the report's page.
#ifndef TOOLS_HZ3_GATE_JSON_H_
#define TOOLS_HZ3_GATE_JSON_H_

#include <string>

#include "absl/status/statusor.h"
#include "nlohmann/json.hpp"

namespace hz3::tool {

// An object {"file", "machine", "commit", "date", "rows"}. Each row is {"name", "kind", "verdict",
// "unit"} (text) with {"value", "baseline", "ratio", "low", "high"} (numbers). What the file does
// not say is null, what it says besides is left out. Fails with one line when it is neither form.
absl::StatusOr<nlohmann::json> ParseGate(const std::string& name, const std::string& text);

}  // namespace hz3::tool

#endif  // TOOLS_HZ3_GATE_JSON_H_
