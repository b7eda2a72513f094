// What must hold for every RequestHead, whichever parser has filled it.
#ifndef POSTERN_FUZZ_HEAD_CHECKS_H_
#define POSTERN_FUZZ_HEAD_CHECKS_H_

#include <vector>

#include "protocols/request_head.h"
#include "target.h"

namespace postern::fuzz {

// A head with its storage, and what the parser said.
struct Parsed {
  explicit Parsed(ByteView bytes, uint32_t capacity) : memory(bytes), fields(capacity) {
    head.fields = fields.data();
    head.field_capacity = capacity;
  }
  bool complete() const { return status == ParseStatus::kComplete; }
  bool invalid() const { return status == ParseStatus::kInvalid; }

  Exact memory;
  std::vector<Field> fields;
  RequestHead head;
  ParseError error;
  ParseStatus status = ParseStatus::kIncomplete;
};

inline bool SameFields(const RequestHead& a, const RequestHead& b) {
  if (a.field_count != b.field_count) return false;
  for (uint32_t i = 0; i < a.field_count; ++i) {
    const Field& one = a.fields[i];
    const Field& other = b.fields[i];
    if (!Equals(one.name, other.name) || !Equals(one.value, other.value) || one.key != other.key) {
      return false;
    }
  }
  return true;
}

inline bool SameHead(const RequestHead& a, const RequestHead& b) {
  return Equals(a.method, b.method) && Equals(a.target, b.target) && Equals(a.path, b.path) &&
         Equals(a.query, b.query) && Equals(a.authority, b.authority) && SameFields(a, b) &&
         a.framing == b.framing && a.content_length == b.content_length &&
         a.version_minor == b.version_minor && a.keep_alive == b.keep_alive &&
         a.expect_continue == b.expect_continue && a.is_head == b.is_head && a.https == b.https &&
         a.path_has_escape == b.path_has_escape && a.modifier1 == b.modifier1 &&
         a.modifier2 == b.modifier2 && a.consumed == b.consumed;
}

// `fallback`: text that a parser may take from elsewhere when the bytes give none.
inline bool HoldsOr(const Exact& memory, ByteView view, std::string_view fallback) {
  return memory.Holds(view) || Text(view) == fallback;
}

inline void CheckFields(const Parsed& parsed, uint32_t most) {
  const RequestHead& head = parsed.head;
  MUST(head.field_count <= most);
  KeySet keys;
  for (uint32_t i = 0; i < head.field_count; ++i) {
    const Field& field = head.fields[i];
    MUST(!field.name.empty() && parsed.memory.Holds(field.name));
    MUST(parsed.memory.Holds(field.value));
    MUST(Text(field.value).find('\0') == std::string::npos);
    if (field.key != Key::kNone) keys.TestAndSet(field.key);
    MUST(field.key == Key::kNone || head.keys.Has(field.key));
  }
  for (size_t key = 1; key < kKeyCount; ++key) {
    MUST(keys.Has(static_cast<Key>(key)) == head.keys.Has(static_cast<Key>(key)));
  }
}

inline void CheckBody(const RequestHead& head) {
  MUST((head.framing == BodyFraming::kLength) == (head.content_length > 0));
  MUST(head.content_length <= INT64_MAX);
  MUST(head.is_head == Equals(head.method, "HEAD"));
}

// A parser that was given a part of the bytes must not have said what the whole takes back.
inline void CheckPart(const Parsed& part, const Parsed& whole) {
  if (part.invalid()) {
    MUST(whole.invalid());
    MUST(part.error.status == 0 || strlen(part.error.reason) > 0);
  }
  if (part.complete()) {
    MUST(whole.complete());
    MUST(SameHead(part.head, whole.head));
  }
  if (whole.complete()) {
    MUST(part.complete() == (part.memory.size() >= whole.head.consumed));
  }
}

}  // namespace postern::fuzz

#endif  // POSTERN_FUZZ_HEAD_CHECKS_H_
