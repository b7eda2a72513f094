// See message_reader.h.
#include "corpus/message_reader.h"

#include <algorithm>
#include <cstdlib>

#include "check.h"
#include "protocols/proxy.h"
#include "protocols/uwsgi.h"

namespace postern::test {
namespace {

void AddFields(const std::string& list, KeySet* fields) {
  ByteView bad;
  CHECK(ParseForwardedFields(Bytes(list), fields, &bad));
}

// Settings of servers that trust proxies.
bool TakeTrust(const std::string& name, const std::string& value, Settings* out) {
  ForwardedPolicy& policy = out->forwarded;
  ByteView bad;
  if (name == "trusted_proxies" || name == "trusted_downstream") {
    // Whom to walk over; the peer itself is in either of them.
    policy.trusted.anybody = false;
    const std::string list = name == "trusted_proxies" ? value : value + "," + kSocketPeer;
    CHECK(ParseTrustedPeers(Bytes(list), &policy.trusted, &bad));
    if (name == "trusted_downstream") policy.trusted.anybody = false;
  } else if (name == "trusted_proxy_count") {
    policy.hops = static_cast<uint32_t>(atoi(value.c_str()));
  } else if (name == "trusted_proxy_headers") {
    AddFields(value, &policy.fields);
  } else if (name == "clear_untrusted_proxy_headers") {
    policy.clear_others = value == "true";
  } else if (name == "real_ip_headers" || name == "scheme_headers") {
    // Tornado, where these come from, ignores what is malformed.
    policy.refuse_invalid = false;
    AddFields(value, &policy.fields);
  } else {
    return false;
  }
  return true;
}

bool TakeLimit(const std::string& name, const std::string& value, Settings* out) {
  const auto number = static_cast<uint32_t>(atoll(value.c_str()));
  Limits& limits = out->limits;
  if (name == "max_request_line") {
    limits.max_request_line_bytes = number;
  } else if (name == "max_header_fields") {
    limits.max_fields = number;
  } else if (name == "max_header_field_size") {
    limits.max_field_bytes = number;
  } else if (name == "max_header_total") {
    limits.max_head_bytes = number;
  } else if (name == "max_body") {
    limits.max_body_bytes = number;
  } else {
    return false;
  }
  return true;
}

bool TakeOption(const std::string& name, const std::string& value, Settings* out) {
  if (name == "strip_header_spaces") {
    out->http1.strip_header_spaces = value == "true";
  } else if (name == "permit_obs_fold") {
    out->http1.permit_obs_fold = value == "true";
  } else if (name == "underscore_headers" && value == "refuse") {
    out->http1.header_map = HeaderMap::kRefuse;
  } else if (name == "proxy_protocol") {
    out->proxy_protocol = value == "true";
    out->forwarded.trusted.anybody = true;
  } else {
    return false;
  }
  return true;
}

}  // namespace

bool SettingsOf(const CorpusCase& one, Settings* out, std::string* unknown) {
  out->uwsgi = one.uwsgi;
  ParseIp(ByteView(kSocketPeer), &out->peer.address);
  for (const auto& [name, value] : one.config) {
    if (TakeLimit(name, value, out) || TakeOption(name, value, out) ||
        TakeTrust(name, value, out)) {
      continue;
    }
    *unknown = name;
    return false;
  }
  const bool named = one.Config("trusted_proxy_headers") || one.Config("real_ip_headers") ||
                     one.Config("scheme_headers");
  if (one.Config("trusted_proxies") && !named) out->forwarded.fields = ForwardedFields();
  return true;
}

std::string Message::Digest() const {
  std::string out = complete ? "complete " : started ? "started " : "";
  if (refused) out += "refused " + std::to_string(status) + " ";
  if (!started) return out;
  out += method + "|" + target + "|" + path + "|" + query + "|" + (keep_alive ? "keep" : "close");
  out += https ? "|https|" : "|http|";
  out += remote_addr + "|" + remote_port + "|" + (ping ? "ping" : "");
  for (const auto& [name, value] : variables) out += "\n" + name + "=" + value;
  // Of a body that is cut short, how much came depends on the delivery.
  return complete ? out + "\n" + body + "\n" + trailers : out;
}

MessageReader::MessageReader(const Settings& settings, Scratch* scratch)
    : settings_(settings),
      scratch_(scratch),
      peer_(settings.peer),
      proxy_pending_(settings.proxy_protocol) {
  head_.fields = scratch->fields.data();
  head_.field_capacity = static_cast<uint32_t>(scratch->fields.size());
  CHECK(std::max(settings.limits.max_fields, settings.limits.max_vars) <= head_.field_capacity);
}

void MessageReader::Read(std::string_view fresh) {
  if (closed_) return;
  ByteView in = scratch_->input.Place(Bytes(carry_), Bytes(fresh));
  waiting_ = false;
  while (!closed_ && !in.empty() && Step(&in)) {
  }
  carry_ = closed_ ? std::string() : std::string(Text(in));
  if (!closed_ && (in_body_ || !in.empty())) waiting_ = true;
}

void MessageReader::Shutdown() {
  if (closed_ || !waiting_) return;
  Refuse({400, "the connection ended in the middle of a request"});
}

// False: more bytes are needed. *in is what is left.
bool MessageReader::Step(ByteView* in) {
  if (proxy_pending_) return StepProxy(in);
  return in_body_ ? StepBody(in) : StepHead(in);
}

bool MessageReader::Refuse(const ParseError& error) {
  if (!in_body_) messages_.emplace_back();
  Message& message = messages_.back();
  message.refused = true;
  message.status = error.status;
  message.reason = error.reason;
  closed_ = true;
  waiting_ = false;
  return false;
}

bool MessageReader::StepProxy(ByteView* in) {
  ProxyHeader header;
  ParseError error;
  if (!MayBeProxyHeader(*in)) {
    proxy_pending_ = false;
    return true;
  }
  const ParseStatus status = ParseProxyHeader(*in, &header, &error);
  if (status == ParseStatus::kInvalid) return Refuse(error);
  if (status == ParseStatus::kIncomplete) return false;
  if (header.consumed > in->size) CHECK(!"more was consumed than was there");
  proxy_pending_ = false;
  if (header.source.address.known()) peer_ = header.source;
  *in = in->From(header.consumed);
  return true;
}

ParseStatus MessageReader::ParseHead(ByteView in, ParseError* error) {
  if (settings_.uwsgi) return ParseUwsgiPacket(in, settings_.limits, &head_, error);
  const ParseStatus status = ParseHttp1Head(const_cast<uint8_t*>(in.data), in.size,
                                            settings_.limits, settings_.http1, &head_, error);
  const ForwardedPolicy& policy = settings_.forwarded;
  const bool told = status == ParseStatus::kComplete &&
                    (head_.keys.Intersects(policy.fields) || policy.clear_others) &&
                    policy.trusted.Contains(peer_.address);
  return told ? ApplyForwarded(policy, &head_, error) : status;
}

bool MessageReader::StepHead(ByteView* in) {
  ParseError error;
  switch (ParseHead(*in, &error)) {
    case ParseStatus::kInvalid:
      return Refuse(error);
    case ParseStatus::kIncomplete:
      return false;
    case ParseStatus::kComplete:
      break;
  }
  if (head_.consumed > in->size || head_.consumed == 0) CHECK(!"consumed is not of these bytes");
  Arena arena(scratch_->arena.data(), scratch_->arena.size());
  std::vector<MetaVariable> variables(head_.field_count + kAddedVariables);
  uint32_t count = 0;
  const HeadKind kind = settings_.uwsgi ? HeadKind::kGateway : HeadKind::kHttp;
  const ParseStatus built =
      BuildMetaVariables(head_, kind, &arena, variables.data(), &count, &error);
  if (built == ParseStatus::kIncomplete || count > variables.size()) CHECK(!"no room");
  if (built == ParseStatus::kInvalid) return Refuse(error);
  Start(variables.data(), count);
  *in = in->From(head_.consumed);
  body_.Begin(head_.framing, head_.content_length);
  in_body_ = true;
  return StepBody(in);
}

void MessageReader::Start(const MetaVariable* variables, uint32_t count) {
  Message& message = messages_.emplace_back();
  message.started = true;
  message.method = Text(head_.method);
  message.target = Text(head_.target);
  message.path = Text(head_.path);
  message.query = Text(head_.query);
  message.keep_alive = head_.keep_alive;
  message.https = head_.https;
  message.ping = settings_.uwsgi && head_.modifier1 == kUwsgiModifierPing;
  message.remote_addr = FormatIp(peer_.address);
  message.remote_port = std::to_string(peer_.port);
  for (uint32_t i = 0; i < count; ++i) {
    const MetaVariable& one = variables[i];
    const ByteView name = one.key == Key::kNone ? one.name : VariableName(one.key);
    if (!message.variables.emplace(Text(name), Text(one.value)).second) CHECK(!"twice");
  }
  if (!head_.told.remote) return;
  message.remote_addr = message.variables["REMOTE_ADDR"];
  message.remote_port = message.variables["REMOTE_PORT"];
}

bool MessageReader::StepBody(ByteView* in) {
  Message& message = messages_.back();
  for (;;) {
    size_t consumed;
    ByteView data;
    ParseError error;
    const ParseStatus status = body_.Feed(*in, settings_.limits, &consumed, &data, &error);
    if (status == ParseStatus::kInvalid) return Refuse(error);
    if (consumed > in->size) CHECK(!"more was consumed than was there");
    message.body += Text(data);
    *in = in->From(consumed);
    if (status == ParseStatus::kComplete) break;
    if (consumed == 0) return false;
  }
  message.trailers = Text(body_.trailers());
  message.complete = true;
  in_body_ = false;
  if (!message.keep_alive) closed_ = true;
  return true;
}

}  // namespace postern::test
