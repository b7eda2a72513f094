// Reads a connection's bytes the way the engine does, with the protocols alone: head, then
// meta-variables, then body, then the next message; what is left of one read stands in front of
// the next. Every read is placed so that it ends at a guard page.
#ifndef POSTERN_TEST_CORPUS_MESSAGE_READER_H_
#define POSTERN_TEST_CORPUS_MESSAGE_READER_H_

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/ip_address.h"
#include "corpus/corpus_case.h"
#include "guard_page.h"
#include "protocols/body_reader.h"
#include "protocols/forwarded.h"
#include "protocols/http1.h"
#include "protocols/meta_variables.h"

namespace postern::test {

// The address that connections come from.
inline constexpr char kSocketPeer[] = "127.0.0.1";

// What the options of a server would be.
struct Settings {
  bool uwsgi = false;
  bool proxy_protocol = false;
  Limits limits;
  Http1Options http1;
  ForwardedPolicy forwarded;
  Peer peer;
};

// The settings that the `config` of a case asks for. False: *unknown names one that we do not have.
bool SettingsOf(const CorpusCase& one, Settings* out, std::string* unknown);

// A request as an application would see it.
struct Message {
  bool started = false;   // the application began: head and meta-variables are good
  bool complete = false;  // and the whole body is there
  bool refused = false;
  int status = 0;  // of the refusal; 0: closed without an answer
  std::string reason;

  std::string method, target, path, query, body, trailers;
  std::map<std::string, std::string> variables;
  bool keep_alive = false;
  bool https = false;
  bool ping = false;
  std::string remote_addr, remote_port;

  // Everything that must not depend on how the bytes arrived.
  std::string Digest() const;
};

// Memory that readers use one after the other.
struct Scratch {
  GuardedMemory input{1 << 20};
  std::vector<Field> fields = std::vector<Field>(1200);
  std::vector<uint8_t> arena = std::vector<uint8_t>(1 << 18);
};

class MessageReader {
 public:
  MessageReader(const Settings& settings, Scratch* scratch);

  void Read(std::string_view fresh);
  // The client has closed its writing side.
  void Shutdown();

  const std::vector<Message>& messages() const { return messages_; }
  // Part of a request has come, and more is waited for.
  bool waiting() const { return waiting_; }

 private:
  bool Step(ByteView* in);
  bool StepProxy(ByteView* in);
  bool StepHead(ByteView* in);
  bool StepBody(ByteView* in);
  ParseStatus ParseHead(ByteView in, ParseError* error);
  void Start(const MetaVariable* variables, uint32_t count);
  bool Refuse(const ParseError& error);

  const Settings& settings_;
  Scratch* const scratch_;
  RequestHead head_;
  std::string carry_;
  BodyReader body_;
  Peer peer_;
  bool proxy_pending_;
  bool in_body_ = false;
  bool waiting_ = false;
  bool closed_ = false;
  std::vector<Message> messages_;
};

}  // namespace postern::test

#endif  // POSTERN_TEST_CORPUS_MESSAGE_READER_H_
