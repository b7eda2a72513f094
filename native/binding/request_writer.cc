// See request_writer.h.
#include "binding/request_writer.h"

namespace postern {

using namespace layout;  // NOLINT(build/namespaces): the numbers of one header

int32_t KeyNumbers::Find(ByteView name, bool* admitted) {
  const int32_t slot = names_.Find(name, admitted);
  if (slot < 0) return -1;
  int32_t& number = numbers_[static_cast<size_t>(slot)];
  *admitted = *admitted && next_ < kMaxKeys;
  if (*admitted) number = next_++;
  return number;
}

int32_t Shapes::Find(const uint16_t* keys, uint32_t count, bool* admitted) {
  *admitted = false;
  uint64_t hash = seed_ + count;
  for (uint32_t i = 0; i < count; ++i) hash = (hash ^ keys[i]) * 0x9e3779b97f4a7c15ull;
  hash ^= hash >> 32;
  int32_t& bucket = buckets_[hash % kBuckets];
  for (int32_t i = bucket; i >= 0; i = shapes_[static_cast<size_t>(i)].next) {
    const Shape& shape = shapes_[static_cast<size_t>(i)];
    if (shape.hash == hash && shape.keys.size() == count &&
        memcmp(shape.keys.data(), keys, count * sizeof(keys[0])) == 0) {
      return i;
    }
  }
  if (shapes_.size() == kMaxShapes) return -1;
  const auto number = static_cast<int32_t>(shapes_.size());
  shapes_.push_back({hash, {keys, keys + count}, bucket});
  bucket = number;
  *admitted = true;
  return number;
}

RequestWriter::RequestWriter(const SharedMemory& memory, uint64_t seed)
    : memory_(memory),
      own_(memory.inbox + memory.inbox_bytes - kOwnBytes, kOwnBytes),
      strings_(seed),
      keys_(seed * 31),
      shapes_(seed * 17) {}

bool RequestWriter::HasRoom(uint32_t variable_count) const {
  // The peer, trailers, and the few short strings that are not in the inbox.
  constexpr size_t kOwnPerRequest = 16 * 1024;
  return requests_ < kMaxRequests && vars_ + variable_count <= kMaxVars &&
         memory_.control[kControlEvents] < kMaxEvents && own_.available() >= kOwnPerRequest;
}

int32_t* RequestWriter::NextEvent(int type, ExchangeId id) {
  int32_t* const event = memory_.events + memory_.control[kControlEvents]++ * kEventInts;
  event[kEventType] = type;
  event[kEventConnection] = static_cast<int32_t>(id.connection);
  event[kEventGeneration] = static_cast<int32_t>(id.generation);
  event[kEventDeferred] = 0;
  return event;
}

void RequestWriter::WriteNews(int kind, int32_t number, int32_t offset, size_t size) {
  int32_t* const news = memory_.news + memory_.control[kControlNews]++ * kNewsInts;
  news[kNewsKind] = kind;
  news[kNewsNumber] = number;
  news[kNewsOffset] = offset;
  news[kNewsSize] = static_cast<int32_t>(size);
}

// Views point into the inbox, but for the few that are static.
int32_t RequestWriter::OffsetOf(ByteView bytes) {
  if (bytes.data >= memory_.inbox && bytes.data < memory_.inbox + memory_.inbox_bytes) {
    return static_cast<int32_t>(bytes.data - memory_.inbox);
  }
  uint8_t* const copy = own_.Allocate(bytes.size);
  if (copy == nullptr || bytes.empty()) return 0;
  memcpy(copy, bytes.data, bytes.size);
  return static_cast<int32_t>(copy - memory_.inbox);
}

int32_t RequestWriter::KeyOf(const MetaVariable& variable, int32_t* out) {
  if (variable.key != Key::kNone) return static_cast<int32_t>(variable.key);
  bool admitted;
  const int32_t number = keys_.Find(variable.name, &admitted);
  if (number >= 0 && !admitted) return number;
  const int32_t offset = OffsetOf(variable.name);
  if (admitted) WriteNews(kNewsKey, number, offset, variable.name.size);
  out[kVarName] = offset;
  out[kVarNameBytes] = static_cast<int32_t>(variable.name.size);
  return number;
}

void RequestWriter::WriteVariable(const MetaVariable& variable, int32_t* out) {
  out[kVarKey] = KeyOf(variable, out);
  bool admitted;
  const int32_t number = strings_.Find(variable.value, &admitted);
  out[kVarValue] = number;
  if (number >= 0 && !admitted) return;
  const int32_t offset = OffsetOf(variable.value);
  if (admitted) WriteNews(kNewsString, number, offset, variable.value.size);
  out[kVarOffset] = offset;
  out[kVarBytes] = static_cast<int32_t>(variable.value.size);
}

void RequestWriter::Write(const Request& request, const Peer& peer) {
  const RequestHead& head = *request.head;
  const uint32_t first = vars_;
  int32_t* out = memory_.vars + first * kVarInts;
  uint16_t keys[kMaxVars];
  bool numbered = true;
  for (uint32_t i = 0; i < request.variable_count; ++i, out += kVarInts) {
    WriteVariable(request.variables[i], out);
    numbered &= out[kVarKey] >= 0;
    keys[i] = static_cast<uint16_t>(out[kVarKey]);
  }
  vars_ += request.variable_count;
  ++requests_;
  bool admitted = false;
  const int32_t shape = numbered ? shapes_.Find(keys, request.variable_count, &admitted) : -1;
  if (admitted) WriteNews(kNewsShape, shape, static_cast<int32_t>(first), request.variable_count);

  int32_t* const event = NextEvent(kTypeRequest, request.id);
  event[kEventFlags] = (request.first ? kFlagFirst : 0) | (request.follows ? kFlagFollows : 0) |
                       (head.is_head ? kFlagHead : 0) |
                       (request.body_complete ? 0 : kFlagStreamed) | (head.https ? kFlagHttps : 0) |
                       (head.framing == BodyFraming::kChunked ? kFlagChunked : 0) |
                       (head.version_minor == 0 ? kFlagOldClient : 0);
  event[kEventShape] = shape;
  event[kEventVars] = static_cast<int32_t>(first * kVarInts);
  event[kEventVarCount] = static_cast<int32_t>(request.variable_count);
  event[kEventBody] = request.body.empty() ? 0 : OffsetOf(request.body);
  event[kEventBodyBytes] = static_cast<int32_t>(request.body.size);
  event[kEventListener] = static_cast<int32_t>(request.listener);
  event[kEventTrailerBytes] = 0;
  if (request.first) {
    const std::string address = FormatIp(peer.address);
    event[kEventPeer] = OffsetOf({address.data(), address.size()});
    event[kEventPeerBytes] = static_cast<int32_t>(address.size());
    event[kEventPeerPort] = peer.port;
  }
  if (!request.trailers.empty()) {
    event[kEventTrailers] = OffsetOf(request.trailers);
    event[kEventTrailerBytes] = static_cast<int32_t>(request.trailers.size);
  }
}

bool RequestWriter::WriteNotice(ExchangeId id, int type) {
  if (memory_.control[kControlEvents] == kMaxEvents) return false;
  NextEvent(type, id);
  return true;
}

void RequestWriter::Clear() {
  memory_.control[kControlEvents] = 0;
  memory_.control[kControlNews] = 0;
  requests_ = 0;
  vars_ = 0;
  own_.Clear();
  strings_.NextTurn();
}

}  // namespace postern
