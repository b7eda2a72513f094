// uwsgi packets: whole and in every cut, and encoded again from what was parsed.
#include "base/ascii.h"
#include "head_checks.h"
#include "protocols/uwsgi.h"

using namespace postern;        // NOLINT(build/namespaces)
using namespace postern::fuzz;  // NOLINT(build/namespaces)

namespace {

constexpr uint32_t kVars = 100;

Limits LimitsOf(const Input& input) {
  Limits limits;
  limits.max_vars = kVars;
  if (!input.Flag(0)) return limits;
  limits.max_vars = 4;
  limits.max_head_bytes = 100;
  limits.max_body_bytes = 1000;
  return limits;
}

void Parse(const Limits& limits, Parsed* parsed) {
  parsed->status = ParseUwsgiPacket(parsed->memory.View(), limits, &parsed->head, &parsed->error);
}

void CheckComplete(const Parsed& parsed, const Limits& limits) {
  const RequestHead& head = parsed.head;
  const ByteView bytes = parsed.memory.View();
  MUST(head.consumed == 4u + (bytes[1] | bytes[2] << 8) && head.consumed <= bytes.size);
  MUST(head.consumed <= 4u + limits.max_head_bytes && !head.keep_alive);
  if (head.modifier1 == kUwsgiModifierPing) return MUST(head.field_count == 0);
  CheckFields(parsed, limits.max_vars);
  CheckBody(head);
  MUST(head.framing != BodyFraming::kChunked);
  MUST(IsToken(head.method) && HoldsOr(parsed.memory, head.method, "GET"));
  MUST(parsed.memory.Holds(head.target) && parsed.memory.Holds(head.query));
  MUST(HoldsOr(parsed.memory, head.path, "/"));
}

void CheckRoundTrip(const Parsed& parsed, const Limits& limits) {
  const RequestHead& head = parsed.head;
  std::vector<UwsgiVar> vars;
  for (uint32_t i = 0; i < head.field_count; ++i) {
    vars.push_back({head.fields[i].name, head.fields[i].value});
  }
  Buffer packet;
  MUST(EncodeUwsgiPacket(head.modifier1, head.modifier2, vars, &packet));
  MUST(Equals(packet.View(), parsed.memory.View().Sub(0, head.consumed)));
  Parsed again(packet.View(), kVars);
  Parse(limits, &again);
  MUST(again.complete() && SameHead(again.head, head));
}

// The bytes as names and values of a packet of our own: it is refused, or read as it was written.
void CheckEncoder(const Input& input) {
  Cuts cuts(input.cuts);
  std::vector<UwsgiVar> vars;
  for (ByteView rest = input.bytes; !rest.empty();) {
    const size_t key = cuts.Piece(rest.size);
    const size_t value = rest.size == key ? 0 : cuts.Piece(rest.size - key);
    vars.push_back({rest.Sub(0, key), rest.Sub(key, value)});
    rest = rest.From(key + value);
  }
  Buffer packet;
  if (!EncodeUwsgiPacket(0, 0, vars, &packet))
    return MUST(input.bytes.size + 4 * vars.size() > 65535);
  Parsed parsed(packet.View(), kVars);
  Parse(LimitsOf({}), &parsed);
  MUST(parsed.status != ParseStatus::kIncomplete);
  if (!parsed.complete()) return;
  MUST(parsed.head.field_count == vars.size());
  for (uint32_t i = 0; i < parsed.head.field_count; ++i) {
    MUST(Equals(parsed.fields[i].name, vars[i].key));
    MUST(Equals(parsed.fields[i].value, vars[i].value));
  }
}

}  // namespace

FUZZ_TARGET(uwsgi) {
  const Limits limits = LimitsOf(input);
  Parsed whole(input.bytes, kVars);
  Parse(limits, &whole);
  Cuts cuts(input.cuts);
  for (int i = 0; i < 6; ++i) {
    Parsed part(input.bytes.Sub(0, cuts.Next(0, input.bytes.size)), kVars);
    Parse(limits, &part);
    CheckPart(part, whole);
  }
  if (whole.complete()) {
    CheckComplete(whole, limits);
    if (whole.head.modifier1 != kUwsgiModifierPing) CheckRoundTrip(whole, limits);
  }
  CheckEncoder(input);
}
