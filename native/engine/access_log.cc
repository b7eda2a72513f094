// See access_log.h.
#include "engine/access_log.h"

#include <fcntl.h>
#include <poll.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>

#include "base/check.h"

namespace postern {
namespace {

int64_t MicrosOf(clockid_t clock) {
  timespec now;
  clock_gettime(clock, &now);
  return static_cast<int64_t>(now.tv_sec) * 1000000 + now.tv_nsec / 1000;
}

uint64_t CountLines(ByteView bytes) {
  return static_cast<uint64_t>(std::count(bytes.begin(), bytes.end(), uint8_t{'\n'}));
}

}  // namespace

bool AccessLog::Open(int fd) {
  LogSink sink;
  if (!sink.Open(fd)) return false;
  if (sink_.open()) Write();
  sink_ = std::move(sink);
  blocked_ = false;
  return true;
}

int64_t AccessLog::NowMicros() {
  if (now_us_ == 0) now_us_ = MicrosOf(CLOCK_MONOTONIC);
  return now_us_;
}

// One client, or one front server, most often comes again and again.
ByteView AccessLog::TextOf(const IpAddress& peer) {
  const bool same = peer.family == last_peer_.family &&
                    memcmp(peer.bytes, last_peer_.bytes, sizeof(peer.bytes)) == 0;
  if (!same) {
    last_peer_ = peer;
    last_peer_text_ = FormatIp(peer);
  }
  return {last_peer_text_.data(), last_peer_text_.size()};
}

uint32_t AccessLog::Begin(LogRequest request, const IpAddress& peer) {
  if (free_.empty()) {
    notes_.push_back(std::make_unique<Note>());
    free_.push_back(static_cast<uint32_t>(notes_.size()));
  }
  const uint32_t number = free_.back();
  Note& note = *notes_[number - 1];
  request.peer = TextOf(peer);
  if (WantsClock()) note.start_us = NowMicros();
  if (options_.format.wants_start()) {
    if (wall_us_ == 0) wall_us_ = MicrosOf(CLOCK_REALTIME);
    request.start_us = wall_us_;
    time_.Set(wall_us_ / 1000000);
  } else {
    time_.Set(wall_seconds_);
  }
  if (!options_.format.PutRequest(request, time_, &note.bytes)) return 0;
  note.request_bytes = note.bytes.size();
  note.tally = ResponseTally();
  note.next = 0;
  free_.pop_back();
  return number;
}

void AccessLog::TakeResponseHead(uint32_t number, ByteView head) {
  if (!options_.format.wants_response_fields()) return;
  options_.format.PutResponseHead(head, &notes_[number - 1]->bytes);
}

void AccessLog::End(uint32_t number, const ResponseTally& tally) {
  notes_[number - 1]->tally = tally;
}

bool AccessLog::Wants(const LogResponse& response) const {
  return options_.all || (options_.status_4xx && response.status / 100 == 4) ||
         (options_.status_5xx && response.status / 100 == 5) ||
         (options_.empty && response.body_bytes == 0) ||
         (options_.slow_us != 0 &&
          static_cast<uint64_t>(response.duration_us) >= options_.slow_us) ||
         (options_.big_bytes != 0 && response.body_bytes >= options_.big_bytes);
}

// Once a second.
void AccessLog::ReadMemory(LogResponse* response) {
  if (memory_at_ != wall_seconds_) {
    memory_at_ = wall_seconds_;
    char text[64] = "";
    const UniqueFd file(open("/proc/self/statm", O_RDONLY | O_CLOEXEC));
    const ssize_t size = read(file.get(), text, sizeof(text) - 1);
    text[std::max<ssize_t>(size, 0)] = '\0';
    char* rest = text;
    const uint64_t pages[2] = {strtoull(rest, &rest, 10), strtoull(rest, &rest, 10)};
    const auto page = static_cast<uint64_t>(sysconf(_SC_PAGESIZE));
    vsz_ = pages[0] * page;
    rss_ = pages[1] * page;
  }
  response->rss = rss_;
  response->vsz = vsz_;
}

void AccessLog::Finish(uint32_t number, bool aborted, uint64_t unsent) {
  Note& note = *notes_[number - 1];
  LogResponse response;
  response.status = note.tally.status;
  response.field_count = note.tally.field_count;
  response.head_bytes = note.tally.head_bytes;
  response.body_bytes = note.tally.body_bytes - std::min(unsent, note.tally.body_bytes);
  response.aborted = aborted || note.tally.aborted;
  response.now_s = wall_seconds_;
  if (WantsClock()) {
    response.duration_us = std::max<int64_t>(0, NowMicros() - note.start_us);
  }
  if (options_.format.wants_memory()) ReadMemory(&response);
  if (Wants(response)) {
    const ByteView bytes = note.bytes.View();
    const bool room = lines_.size() < kMaxWaitingBytes;
    if (!room || !options_.format.PutLine(bytes.Sub(0, note.request_bytes),
                                          bytes.From(note.request_bytes), response, &lines_)) {
      ++lost_;
    }
  }
  Drop(number);
}

void AccessLog::Drop(uint32_t number) {
  if (number == 0) return;
  Note& note = *notes_[number - 1];
  if (note.bytes.size() > kMaxKeptBytes) {
    note.bytes.Free();
  } else {
    note.bytes.Clear();
  }
  free_.push_back(number);
}

bool AccessLog::Write() {
  if (blocked_ || lines_.empty() || !sink_.open()) return false;
  const LogSink::Result result = sink_.Write(&lines_);
  if (result == LogSink::Result::kFailed) {
    error_ = errno;
    lost_ += CountLines(lines_.View());
    lines_.Clear();
  }
  if (lines_.empty()) lines_.Clear();
  blocked_ = result == LogSink::Result::kBlocked;
  return blocked_;
}

void AccessLog::WriteOut(int patience_ms) {
  const int64_t end = MicrosOf(CLOCK_MONOTONIC) + int64_t{patience_ms} * 1000;
  for (;;) {
    blocked_ = false;
    if (!Write()) return;
    const int64_t left = end - MicrosOf(CLOCK_MONOTONIC);
    if (left <= 0) return;
    pollfd one{sink_.fd(), POLLOUT, 0};
    poll(&one, 1, static_cast<int>(left / 1000) + 1);
  }
}

uint64_t AccessLog::TakeLost() {
  const uint64_t lost = lost_;
  lost_ = 0;
  return lost;
}

int AccessLog::TakeError() {
  const int error = error_;
  error_ = 0;
  return error;
}

}  // namespace postern
