// Exchanges in the access log: noted when they begin, and written when they are over and the kernel
// has taken their responses. See engine.h and access_log.h.
#include <algorithm>
#include <cerrno>
#include <cstdio>

#include "engine/engine.h"

namespace postern {
namespace {

// Of bytes that are no request; what is longer is cut.
constexpr size_t kMaxLineBytes = 8190;

ByteView FirstLine(ByteView bytes) {
  const auto ends = [](uint8_t c) { return c == '\r' || c == '\n'; };
  const uint8_t* const first = std::find_if_not(bytes.begin(), bytes.end(), ends);
  const uint8_t* const end = std::find_if(first, bytes.end(), ends);
  return {first, std::min(static_cast<size_t>(end - first), kMaxLineBytes)};
}

ResponseTally TallyOfError(uint16_t status, ByteView response) {
  ResponseTally tally;
  tally.status = status;
  constexpr char kEnd[] = "\r\n\r\n";
  const uint8_t* const end = std::search(response.begin(), response.end(), kEnd, kEnd + 4);
  const auto head = static_cast<uint32_t>(end - response.begin()) + 4;
  tally.head_bytes = head;
  tally.body_bytes = response.size - head;
  const auto lines = std::count(response.begin(), response.begin() + head, uint8_t{'\n'});
  tally.field_count = static_cast<uint32_t>(lines) - 2;
  return tally;
}

}  // namespace

bool Engine::OpenLog(int fd) {
  if (log_.blocked()) PollLog(false);
  return log_.Open(fd);
}

void Engine::WriteLog() {
  if (!log_.HasLines() || log_.blocked()) return;
  if (log_.Write()) return PollLog(true);
  const int error = log_.TakeError();
  if (error == EPIPE) {
    // Nobody reads any more, and wants to know nothing.
    log_.TakeLost();
    return;
  }
  if (error != 0) {
    const char* const text = "the access log cannot be written, lines are lost: is the disk full?";
    return LogOnce(LogLevel::kError, text);
  }
  const uint64_t lost = log_.TakeLost();
  if (lost == 0) return;
  char text[120];
  snprintf(text, sizeof(text),
           "%llu lines of the access log were dropped: what reads it does not keep up",
           static_cast<unsigned long long>(lost));
  host_->Log(LogLevel::kWarning, text);
}

// Of the request in head_.
uint32_t Engine::BeginLog(const Connection* c) {
  if (!log_.on()) return 0;
  LogRequest request;
  request.head = &head_;
  request.variables = variables_.get();
  request.variable_count = variable_count_;
  request.forwarded_for =
      log_.forwarded_for() && options_.forwarded.trusted.Contains(c->peer.address);
  return log_.Begin(request, c->peer.address);
}

// `status`: of an exchange that ends without a head.
void Engine::EndLog(Connection* c, uint16_t status) {
  const uint32_t note = c->facts.log;
  if (note == 0) return;
  c->facts.log = 0;
  if (c->tally.status == 0) c->tally.status = status;
  if (c->response != ResponseState::kEnded) c->tally.aborted = true;
  log_.End(note, c->tally);
  c->tally = ResponseTally();
  (c->log_last != 0 ? log_.next(c->log_last) : c->log_first) = note;
  c->log_last = note;
}

// Everything is sent, or the connection closes over the rest.
void Engine::FinishLogs(Connection* c) {
  const auto bytes_of = [this](uint32_t note) {
    return log_.tally(note).head_bytes + log_.tally(note).body_bytes;
  };
  uint64_t made = 0;
  for (uint32_t note = c->log_first; note != 0; note = log_.next(note)) made += bytes_of(note);
  uint64_t sent = made - std::min(made, c->queue == nullptr ? 0 : c->queue->size());
  for (uint32_t note = c->log_first; note != 0;) {
    const uint32_t next = log_.next(note);
    const uint64_t got = std::min(sent, bytes_of(note));
    const uint64_t unsent = bytes_of(note) - got;
    sent -= got;
    log_.Finish(note, unsent > 0, unsent);
    note = next;
  }
  c->log_first = c->log_last = 0;
}

void Engine::LogRejected(Connection* c, uint16_t status, ByteView request, ByteView response) {
  if (!log_.on()) return;
  if (c->facts.log == 0) {
    const bool lines = listeners_[c->listener]->protocol == WireProtocol::kHttp1;
    LogRequest refused;
    if (lines) refused.line = FirstLine(request);
    c->facts.log = log_.Begin(refused, c->peer.address);
  }
  c->tally = TallyOfError(status, response);
  c->response = ResponseState::kEnded;
  EndLog(c, status);
}

}  // namespace postern
