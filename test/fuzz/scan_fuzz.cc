// The scanners that look at many bytes at once, against a look at one byte after the other; and the
// tables of known names against a search.
#include <map>

#include "base/intern_table.h"
#include "base/scan.h"
#include "protocols/http1.h"
#include "protocols/keys.h"
#include "target.h"

using namespace postern;        // NOLINT(build/namespaces)
using namespace postern::fuzz;  // NOLINT(build/namespaces)

namespace {

template <typename Stops>
const uint8_t* FindSlowly(const Exact& text, size_t from, Stops stops) {
  for (size_t i = from; i < text.size(); ++i) {
    if (stops(text.View()[i])) return text.View().data + i;
  }
  return text.View().end();
}

void CheckScanners(const Exact& text, size_t from) {
  const uint8_t* const start = text.View().begin() + from;
  const uint8_t* const end = text.View().end();
  MUST(FindFieldValueEnd(start, end) ==
       FindSlowly(text, from, [](uint8_t c) { return (c < 0x20 && c != '\t') || c == 0x7f; }));
  MUST(FindTargetEnd(start, end) ==
       FindSlowly(text, from, [](uint8_t c) { return c <= 0x20 || c >= 0x7f || c == '#'; }));
  for (uint8_t wanted : {uint8_t{0}, uint8_t{'_'}, uint8_t{0xff}, text.View()[from]}) {
    MUST(FindByte(start, end, wanted) ==
         FindSlowly(text, from, [=](uint8_t c) { return c == wanted; }));
  }
}

void CheckKeys(const Exact& text) {
  const Key variable = FindVariableKey(text.View());
  if (variable != Key::kNone) MUST(Equals(VariableName(variable), text.View()));
  for (size_t key = 1; key < kKeyCount; ++key) {
    const bool same = Equals(VariableName(static_cast<Key>(key)), text.View());
    MUST(!same || variable == static_cast<Key>(key));
  }
  // The meta-variable of a known field is its name in upper case, but for two.
  const Key field = FindFieldKey(text.View());
  if (field == Key::kNone || field == Key::kContentType || field == Key::kContentLength) return;
  std::string name = "HTTP_";
  for (uint8_t c : text.View()) name += static_cast<char>(c == '-' ? '_' : ToUpper(c));
  MUST(Text(VariableName(field)) == name);
}

// Pieces of the bytes as values: a number stands for one value within a turn.
void CheckInterning(const Input& input) {
  InternTable table(4711);
  std::map<int32_t, std::string> values;
  Cuts cuts(input.cuts);
  for (int round = 0; round < 3; ++round) {
    for (ByteView rest = input.bytes; !rest.empty();) {
      const size_t size = cuts.Piece(rest.size);
      const Exact value(rest.Sub(0, size));
      bool admitted;
      const int32_t number = table.Find(value.View(), &admitted);
      MUST(number >= -1 && number < static_cast<int32_t>(InternTable::kCapacity));
      if (number >= 0) {
        std::string& known = values[number];
        MUST(known.empty() || known == Text(value.View()));
        known = Text(value.View());
      }
      rest = rest.From(size);
    }
  }
}

}  // namespace

FUZZ_TARGET(scan) {
  if (input.bytes.empty()) return;
  const Exact text(input.bytes);
  Cuts cuts(input.cuts);
  CheckScanners(text, 0);
  for (int i = 0; i < 4; ++i) CheckScanners(text, cuts.Next(0, text.size() - 1));
  CheckKeys(text);
  if (input.Flag(0)) CheckInterning(input);
}
