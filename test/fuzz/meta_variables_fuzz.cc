// What an application is shown of a head: each name once, no name of the gateway's own, and never
// more memory than an engine has.
#include <set>

#include "base/ascii.h"
#include "head_checks.h"
#include "protocols/http1.h"
#include "protocols/meta_variables.h"
#include "protocols/percent.h"
#include "protocols/uwsgi.h"

using namespace postern;        // NOLINT(build/namespaces)
using namespace postern::fuzz;  // NOLINT(build/namespaces)

namespace {

constexpr uint32_t kFields = 300;

struct Built {
  Built(const RequestHead& head, HeadKind kind, size_t arena_bytes)
      : memory(std::make_unique<uint8_t[]>(arena_bytes)), variables(kFields + kAddedVariables) {
    Arena arena(memory.get(), arena_bytes);
    status = BuildMetaVariables(head, kind, &arena, variables.data(), &count, &error);
    used = arena_bytes - arena.available();
  }
  std::unique_ptr<uint8_t[]> memory;
  std::vector<MetaVariable> variables;
  uint32_t count = 0;
  size_t used = 0;
  ParseError error;
  ParseStatus status;
};

std::string NameOf(const MetaVariable& one) {
  return Text(one.key == Key::kNone ? one.name : VariableName(one.key));
}

void CheckNames(const Built& built, HeadKind kind) {
  std::set<std::string> names;
  for (uint32_t i = 0; i < built.count; ++i) {
    const std::string name = NameOf(built.variables[i]);
    MUST(!name.empty() && names.insert(name).second);
    MUST(name != "HTTP_PROXY" && !name.starts_with("wsgi."));
    MUST(name != "HTTP_CONTENT_TYPE" && name != "HTTP_CONTENT_LENGTH");
    for (unsigned char c : name) MUST(c > 0x20 && c != 0x7f);
    const bool own = built.variables[i].key == Key::kNone && kind == HeadKind::kHttp;
    if (own) MUST(name.starts_with("HTTP_") && name.find_first_of("-\n\r") == name.npos);
  }
  for (const char* name : {"REQUEST_METHOD", "PATH_INFO", "QUERY_STRING", "SERVER_PROTOCOL"}) {
    MUST(names.count(name) == 1);
  }
}

void CheckPath(const RequestHead& head, const Built& built) {
  std::string expected(head.path.size, '\0');
  size_t size = head.path.size;
  if (head.path_has_escape) {
    MUST(PercentDecode(head.path, reinterpret_cast<uint8_t*>(expected.data()), &size));
    expected.resize(size);
  } else {
    expected = Text(head.path);
  }
  for (uint32_t i = 0; i < built.count; ++i) {
    if (built.variables[i].key != Key::kPathInfo) continue;
    const std::string path = Text(built.variables[i].value);
    const bool stripped = head.modifier1 == kUwsgiModifierWsgiStripped;
    MUST(stripped ? expected.ends_with(path) : path == expected);
  }
}

}  // namespace

FUZZ_TARGET(meta_variables) {
  const HeadKind kind = input.Flag(0) ? HeadKind::kGateway : HeadKind::kHttp;
  Limits limits;
  limits.max_fields = limits.max_vars = kFields;
  limits.max_head_bytes = 4096;
  Parsed parsed(input.bytes, kFields);
  parsed.status = kind == HeadKind::kGateway
                      ? ParseUwsgiPacket(parsed.memory.View(), limits, &parsed.head, &parsed.error)
                      : ParseHttp1Head(parsed.memory.data(), parsed.memory.size(), limits, {},
                                       &parsed.head, &parsed.error);
  if (!parsed.complete() || parsed.head.modifier1 == kUwsgiModifierPing) return;
  // An engine gives a quarter of its memory, which is eight heads and more.
  const Built built(parsed.head, kind, size_t{2} * limits.max_head_bytes);
  MUST(built.status != ParseStatus::kIncomplete);
  MUST(built.count <= parsed.head.field_count + kAddedVariables);
  if (built.status == ParseStatus::kInvalid) return MUST(built.error.status == 400);
  if (built.used > 0) {
    MUST(Built(parsed.head, kind, built.used - 1).status == ParseStatus::kIncomplete);
  }
  CheckNames(built, kind);
  CheckPath(parsed.head, built);
}
