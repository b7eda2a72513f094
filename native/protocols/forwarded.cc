// See forwarded.h.
#include "protocols/forwarded.h"

#include <algorithm>

#include "base/ascii.h"
#include "base/scan.h"
#include "protocols/authority.h"

namespace postern {
namespace {

constexpr Key kForwardedKeys[] = {
    Key::kForwarded,          Key::kXForwardedFor, Key::kXForwardedProto,
    Key::kXForwardedProtocol, Key::kXForwardedSsl, Key::kXForwardedHost,
    Key::kXForwardedPort,     Key::kXRealIp,       Key::kXScheme,
};
constexpr size_t kMaxEntries = 64;  // a longer chain of proxies is an attack or a loop

// The entries of a list header, over all of its fields, from the client to us.
struct Entries {
  ByteView items[kMaxEntries];
  size_t count = 0;
  bool too_many = false;

  void Add(ByteView item) {
    if (count == kMaxEntries) {
      too_many = true;
    } else {
      items[count++] = TrimOws(item);
    }
  }
  ByteView last() const { return items[count - 1]; }
};

// Splits at commas that are not inside of a quoted-string.
void SplitList(ByteView value, Entries* out) {
  size_t start = 0;
  bool quoted = false;
  for (size_t i = 0; i < value.size; ++i) {
    if (value[i] == '\\' && quoted) {
      ++i;
    } else if (value[i] == '"') {
      quoted = !quoted;
    } else if (value[i] == ',' && !quoted) {
      out->Add(value.Sub(start, i - start));
      start = i + 1;
    }
  }
  out->Add(value.From(start));
}

class Reader {
 public:
  Reader(const ForwardedPolicy& policy, RequestHead* head, ParseError* error)
      : policy_(policy), head_(head), error_(error) {}

  ParseStatus Read();

 private:
  bool Counts(Key key) const { return policy_.fields.Has(key) && head_->keys.Has(key); }
  Entries ListOf(Key key) const;
  ParseStatus Invalid(const char* reason);
  ParseStatus ReadSeparateFields();
  ParseStatus ReadRemote();
  ParseStatus ReadScheme();
  ParseStatus TakeScheme(ByteView word);
  ParseStatus ReadHostAndPort();
  ParseStatus ReadForwarded();
  ParseStatus UseElement(ByteView element);
  ParseStatus UsePair(ByteView name, ByteView value);
  bool TakeHost(ByteView host);
  void TakeRemote(ByteView text);
  bool FindHop(const Entries& entries, size_t* index);
  void SettlePort();

  const ForwardedPolicy& policy_;
  RequestHead* const head_;
  ParseError* const error_;
  ToldEnds told_;
  bool ignored_ = false;  // something was invalid, and that is tolerated
  int scheme_ = -1;       // -1 nothing said, 0 http, 1 https
};

Entries Reader::ListOf(Key key) const {
  Entries entries;
  for (uint32_t i = 0; i < head_->field_count; ++i) {
    if (head_->fields[i].key == key) SplitList(head_->fields[i].value, &entries);
  }
  return entries;
}

// kComplete: it is to be ignored.
ParseStatus Reader::Invalid(const char* reason) {
  ignored_ = true;
  return policy_.refuse_invalid ? Refuse(error_, 400, reason) : ParseStatus::kComplete;
}

ParseStatus Reader::Read() {
  KeySet separate = policy_.fields;
  separate.Remove(Key::kForwarded);
  const bool both = Counts(Key::kForwarded) && head_->keys.Intersects(separate);
  if (both && policy_.refuse_invalid) {
    return Refuse(error_, 400, "Forwarded and X-Forwarded-* together");
  }
  const ParseStatus status = Counts(Key::kForwarded) ? ReadForwarded() : ReadSeparateFields();
  if (status == ParseStatus::kInvalid) return status;
  SettlePort();
  // What an absolute-form target told stays, unless the front server knows better.
  ToldEnds& told = head_->told;
  if (!told_.server_name.empty()) {
    told.server_name = told_.server_name;
    told.http_host = told_.http_host;
  }
  if (!told_.server_port.empty()) told.server_port = told_.server_port;
  told.remote = told_.remote;
  told.remote_addr = told_.remote_addr;
  told.remote_port = told_.remote_port;
  if (scheme_ >= 0) head_->https = scheme_ == 1;
  return ParseStatus::kComplete;
}

ParseStatus Reader::ReadSeparateFields() {
  ParseStatus status = ReadRemote();
  if (status != ParseStatus::kInvalid) status = ReadScheme();
  if (status != ParseStatus::kInvalid) status = ReadHostAndPort();
  return status;
}

// Which entry is the client: the one that many hops away, or the last that is no proxy of ours.
// False: an entry on the way is not an address.
bool Reader::FindHop(const Entries& entries, size_t* index) {
  *index = entries.count - std::min<size_t>(policy_.hops, entries.count);
  if (policy_.hops != 0) return true;
  for (size_t i = entries.count; i-- > 0;) {
    IpAddress address;
    uint16_t port;
    if (!ParseIpAndPort(entries.items[i], &address, &port)) return false;
    *index = i;
    if (!policy_.trusted.anybody && !policy_.trusted.Contains(address)) return true;
  }
  return true;
}

// "192.0.2.1:4711" → address and port; the port is dropped where there is none.
void Reader::TakeRemote(ByteView text) {
  IpAddress address;
  told_.remote = true;
  told_.remote_addr = text;
  told_.remote_port = {};
  if (ParseIp(text, &address)) return;
  const bool bracketed = text[0] == '[';
  const uint8_t* const end = FindByte(text.begin(), text.end(), bracketed ? ']' : ':');
  const size_t skip = bracketed ? 1 : 0;
  told_.remote_addr = {text.data + skip, static_cast<size_t>(end - text.data) - skip};
  const uint8_t* const rest = end + skip;
  if (rest < text.end()) told_.remote_port = {rest + 1, static_cast<size_t>(text.end() - rest - 1)};
}

ParseStatus Reader::ReadRemote() {
  const bool single = Counts(Key::kXRealIp);
  if (!single && !Counts(Key::kXForwardedFor)) return ParseStatus::kComplete;
  const Entries entries = ListOf(single ? Key::kXRealIp : Key::kXForwardedFor);
  size_t index = 0;
  IpAddress address;
  uint16_t port;
  if (entries.too_many || (single && entries.count != 1) || !FindHop(entries, &index) ||
      !ParseIpAndPort(entries.items[index], &address, &port)) {
    return Invalid("X-Forwarded-For or X-Real-IP is not a list of addresses");
  }
  TakeRemote(entries.items[index]);
  return ParseStatus::kComplete;
}

ParseStatus Reader::TakeScheme(ByteView word) {
  int scheme = -1;
  if (EqualsIgnoreCase(word, "https") || EqualsIgnoreCase(word, "wss") ||
      EqualsIgnoreCase(word, "on") || EqualsIgnoreCase(word, "ssl")) {
    scheme = 1;
  } else if (EqualsIgnoreCase(word, "http") || EqualsIgnoreCase(word, "ws") ||
             EqualsIgnoreCase(word, "off")) {
    scheme = 0;
  } else {
    return Invalid("a forwarded scheme that is neither http nor https");
  }
  if (scheme_ >= 0 && scheme_ != scheme) return Invalid("forwarded schemes that contradict");
  scheme_ = scheme;
  return ParseStatus::kComplete;
}

ParseStatus Reader::ReadScheme() {
  for (Key key :
       {Key::kXScheme, Key::kXForwardedProto, Key::kXForwardedProtocol, Key::kXForwardedSsl}) {
    if (!Counts(key)) continue;
    const Entries entries = ListOf(key);
    if (entries.count > 1 && policy_.refuse_invalid) {
      return Refuse(error_, 400, "more than one forwarded scheme");
    }
    const ParseStatus status =
        entries.too_many ? Invalid("too many forwarded schemes") : TakeScheme(entries.last());
    if (status == ParseStatus::kInvalid) return status;
  }
  return ParseStatus::kComplete;
}

bool Reader::TakeHost(ByteView host) {
  Authority authority;
  if (host.empty() || !ParseAuthority(host, &authority) || authority.host.empty()) return false;
  told_.http_host = host;
  told_.server_name = authority.host;
  told_.server_port = authority.port;
  return true;
}

ParseStatus Reader::ReadHostAndPort() {
  if (Counts(Key::kXForwardedHost)) {
    const Entries hosts = ListOf(Key::kXForwardedHost);
    if (hosts.too_many || !TakeHost(hosts.last())) {
      const ParseStatus status = Invalid("X-Forwarded-Host is not a host");
      if (status == ParseStatus::kInvalid) return status;
    }
  }
  if (!Counts(Key::kXForwardedPort)) return ParseStatus::kComplete;
  const Entries entries = ListOf(Key::kXForwardedPort);
  uint64_t port;
  if (entries.count != 1 || entries.last().size > 5 || !ParseDecimal(entries.last(), &port) ||
      port > 65535) {
    return Invalid("X-Forwarded-Port is not one port");
  }
  told_.server_port = entries.last();
  return ParseStatus::kComplete;
}

// A host that was told without a port has the port of its scheme.
void Reader::SettlePort() {
  if (told_.server_name.empty() || !told_.server_port.empty()) return;
  told_.server_port = ByteView(scheme_ == 1 ? "443" : "80");
}

// forwarded-element = [ forwarded-pair ] *( ";" [ forwarded-pair ] ), pair = token "=" value;
// no white space around "=" (RFC 7239 §4). Takes one pair off the front; the value loses its
// quotes. False: malformed.
bool TakePair(ByteView* element, ByteView* name, ByteView* value) {
  size_t size = 0;
  while (size < element->size && IsToken((*element)[size])) ++size;
  *name = element->Sub(0, size);
  if (size == 0 || size == element->size || (*element)[size] != '=') return false;
  *element = element->From(size + 1);
  if (!element->empty() && (*element)[0] == '"') {
    const uint8_t* const end = FindByte(element->begin() + 1, element->end(), '"');
    if (end == element->end()) return false;
    *value = {element->data + 1, static_cast<size_t>(end - element->data - 1)};
    *element = element->From(value->size + 2);
  } else {
    size = 0;
    while (size < element->size && (IsToken((*element)[size]) || (*element)[size] == ':')) ++size;
    *value = element->Sub(0, size);
    *element = element->From(size);
  }
  *element = TrimOws(*element);
  if (value->empty() || (!element->empty() && (*element)[0] != ';')) return false;
  *element = TrimOws(element->From(element->empty() ? 0 : 1));
  return true;
}

ParseStatus Reader::UsePair(ByteView name, ByteView value) {
  if (EqualsIgnoreCase(name, "for")) {
    IpAddress address;
    uint16_t port;
    // "unknown" and "_hidden" are valid and say nothing.
    if (ParseIpAndPort(value, &address, &port)) TakeRemote(value);
  } else if (EqualsIgnoreCase(name, "proto")) {
    return TakeScheme(value);
  } else if (EqualsIgnoreCase(name, "host") && !TakeHost(value)) {
    return Invalid("the host of Forwarded is not a host");
  }
  return ParseStatus::kComplete;
}

ParseStatus Reader::UseElement(ByteView element) {
  static constexpr char kMalformed[] = "Forwarded is malformed";
  bool has_for = false;
  while (!element.empty()) {
    ByteView name;
    ByteView value;
    if (!TakePair(&element, &name, &value)) return Invalid(kMalformed);
    // No parameter may come twice (RFC 7239 §4); of two addresses each would be somebody's.
    const bool is_for = EqualsIgnoreCase(name, "for");
    if (is_for && has_for) return Invalid(kMalformed);
    has_for |= is_for;
    const ParseStatus status = UsePair(name, value);
    if (status == ParseStatus::kInvalid) return status;
  }
  return ParseStatus::kComplete;
}

// The address that an element names with for=, "" if none. Read as UseElement reads it: what
// stands in the quotes of another value is not an address.
ByteView ForOf(ByteView element) {
  ByteView name;
  ByteView value;
  while (!element.empty() && TakePair(&element, &name, &value)) {
    if (EqualsIgnoreCase(name, "for")) return value;
  }
  return {};
}

ParseStatus Reader::ReadForwarded() {
  const Entries entries = ListOf(Key::kForwarded);
  if (entries.too_many) return Invalid("Forwarded has too many elements");
  size_t index = entries.count - std::min<size_t>(policy_.hops, entries.count);
  if (policy_.hops == 0) {
    for (index = entries.count - 1; index > 0; --index) {
      IpAddress address;
      uint16_t port;
      const bool known = ParseIpAndPort(ForOf(entries.items[index]), &address, &port);
      if (!known || (!policy_.trusted.anybody && !policy_.trusted.Contains(address))) break;
    }
  }
  const ParseStatus status = UseElement(entries.items[index]);
  if (ignored_) {
    told_ = ToldEnds();  // half of an element is worth nothing
    scheme_ = -1;
  }
  return status;
}

bool NextEntry(ByteView* list, ByteView* entry) {
  while (!list->empty()) {
    const uint8_t* const comma = FindByte(list->begin(), list->end(), ',');
    const size_t size = static_cast<size_t>(comma - list->data);
    *entry = TrimOws(list->Sub(0, size));
    *list = list->From(std::min(size + 1, list->size));
    if (!entry->empty()) return true;
  }
  return false;
}

}  // namespace

bool TrustedPeers::Contains(const IpAddress& address) const {
  if (anybody) return true;
  if (!address.known()) return unix_peers;
  return std::any_of(networks.begin(), networks.end(),
                     [&](const IpNetwork& network) { return network.Contains(address); });
}

bool ParseTrustedPeers(ByteView list, TrustedPeers* out, ByteView* bad) {
  while (NextEntry(&list, bad)) {
    IpNetwork network;
    if (Equals(*bad, "*")) {
      out->anybody = true;
    } else if (Equals(*bad, "unix")) {
      out->unix_peers = true;
    } else if (ParseNetwork(*bad, &network)) {
      out->networks.push_back(network);
    } else {
      return false;
    }
  }
  return true;
}

KeySet ForwardedFields() {
  KeySet all;
  for (Key key : kForwardedKeys) all.TestAndSet(key);
  return all;
}

bool ParseForwardedFields(ByteView list, KeySet* out, ByteView* bad) {
  while (NextEntry(&list, bad)) {
    const Key key = FindFieldKey(*bad);
    if (key == Key::kNone || !ForwardedFields().Has(key)) return false;
    out->TestAndSet(key);
  }
  return true;
}

ParseStatus ApplyForwarded(const ForwardedPolicy& policy, RequestHead* head, ParseError* error) {
  if (policy.clear_others) {
    for (Key key : kForwardedKeys) {
      if (!policy.fields.Has(key)) head->hidden.TestAndSet(key);
    }
  }
  return Reader(policy, head, error).Read();
}

}  // namespace postern
