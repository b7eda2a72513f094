// The text of an access log format → what log_format.cc fills in.
#include <cstring>
#include <iterator>

#include "base/ascii.h"
#include "protocols/log_atoms.h"
#include "protocols/log_format.h"

namespace postern {
namespace {

constexpr struct {
  const char* name;
  const char* text;
} kNamed[] = {
    {"combined", "%(h)s %(l)s %(u)s %(t)s \"%(r)s\" %(s)s %(B)s \"%(f)s\" \"%(a)s\""},
    {"common", "%(h)s %(l)s %(u)s %(t)s \"%(r)s\" %(s)s %(B)s"},
    {"uwsgi",
     "[pid: %(pid)|app: -|req: -/-] %(addr) (%(user)) {%(vars) vars in %(pktsize) bytes} "
     "[%(ctime)] %(method) %(uri) => generated %(rsize) bytes in %(msecs) msecs "
     "(%(proto) %(status)) %(headers) headers in %(hsize) bytes "
     "(%(switches) switches on core %(core))"},
    // "?": with its quotation marks, or null.
    {"json",
     "{\"time\":\"%(iso)\",\"pid\":%(pid),\"addr\":%(?addr),\"user\":%(?user),"
     "\"method\":%(?method),\"uri\":%(?uri),\"protocol\":%(?proto),\"status\":%(status),"
     "\"bytes\":%(rsize),\"duration_ms\":%(fmsecs),\"aborted\":%(aborted),\"host\":%(?host),"
     "\"referer\":%(?referer),\"user_agent\":%(?uagent),"
     "\"request_id\":%(?var.HTTP_X_REQUEST_ID),\"traceparent\":%(?var.HTTP_TRACEPARENT)}"},
};

constexpr struct {
  const char* name;
  LogAtom atom;
  const char* text = nullptr;  // a literal, or the name of a variable
} kAtoms[] = {
    // uWSGI's
    {"uri", LogAtom::kUri},
    {"method", LogAtom::kMethod},
    {"user", LogAtom::kUser},
    {"addr", LogAtom::kAddr},
    {"host", LogAtom::kVariable, "HTTP_HOST"},
    {"proto", LogAtom::kProtocol},
    {"uagent", LogAtom::kVariable, "HTTP_USER_AGENT"},
    {"referer", LogAtom::kVariable, "HTTP_REFERER"},
    {"status", LogAtom::kStatus},
    {"rsize", LogAtom::kBodyBytes},
    {"hsize", LogAtom::kHeadBytes},
    {"size", LogAtom::kAllBytes},
    {"headers", LogAtom::kFieldCount},
    {"cl", LogAtom::kContentLength},
    {"micros", LogAtom::kMicros},
    {"msecs", LogAtom::kMillis},
    {"secs", LogAtom::kSeconds},
    {"time", LogAtom::kTimeSeconds},
    {"tmsecs", LogAtom::kTimeMillis},
    {"tmicros", LogAtom::kTimeMicros},
    {"ltime", LogAtom::kTimeClf},
    {"ftime", LogAtom::kTimeClf},
    {"ctime", LogAtom::kTimeCtime},
    {"epoch", LogAtom::kEpoch},
    {"switches", LogAtom::kText, "1"},
    {"vars", LogAtom::kVariableCount},
    {"pktsize", LogAtom::kPacketBytes},
    {"modifier1", LogAtom::kModifier1},
    {"modifier2", LogAtom::kModifier2},
    {"vsz", LogAtom::kVsz},
    {"rss", LogAtom::kRss},
    {"vszM", LogAtom::kVszMb},
    {"rssM", LogAtom::kRssMb},
    {"werr", LogAtom::kAbortedFlag},
    {"rerr", LogAtom::kText, "0"},
    {"ioerr", LogAtom::kAbortedFlag},
    // gunicorn's
    {"h", LogAtom::kAddr},
    {"l", LogAtom::kText, "-"},
    {"u", LogAtom::kUser},
    {"r", LogAtom::kRequestLine},
    {"m", LogAtom::kMethod},
    {"U", LogAtom::kPath},
    {"q", LogAtom::kQuery},
    {"H", LogAtom::kProtocol},
    {"s", LogAtom::kStatus},
    {"B", LogAtom::kBodyBytes},
    {"b", LogAtom::kBodyBytesOrDash},
    {"f", LogAtom::kVariable, "HTTP_REFERER"},
    {"a", LogAtom::kVariable, "HTTP_USER_AGENT"},
    {"T", LogAtom::kSeconds},
    {"D", LogAtom::kMicros},
    {"M", LogAtom::kMillis},
    {"L", LogAtom::kSecondsDecimal},
    // ours
    {"iso", LogAtom::kTimeIso},
    {"fmsecs", LogAtom::kMillisDecimal},
    {"aborted", LogAtom::kAborted},
    {"path", LogAtom::kPath},
    {"query", LogAtom::kQuery},
};

// "user-agent" → "HTTP_USER_AGENT".
std::string FieldVariable(std::string name) {
  for (char& c : name) {
    c = c == '-' ? '_' : static_cast<char>(ToUpper(static_cast<uint8_t>(c)));
  }
  const bool bare = name == "CONTENT_TYPE" || name == "CONTENT_LENGTH";
  return bare ? name : "HTTP_" + name;
}

}  // namespace

class LogCompiler {
 public:
  LogCompiler(const LogConstants& constants, LogFormat* out) : constants_(constants), out_(out) {}

  bool Compile(std::string text, std::string* error);

 private:
  using Op = LogFormat::Op;

  bool TakeAtom(const std::string& text, size_t* at);
  bool AddAtom(std::string name);
  bool AddBraced(const std::string& name);
  void AddVariable(const std::string& name, bool quoted);
  void Add(LogAtom atom, bool quoted = false);
  void AddText(const std::string& text);
  void Arrange();
  void Ask(LogAtom atom);
  uint8_t SlotOf(const std::string& name);
  bool Fail(const std::string& why) {
    *error_ = why;
    return false;
  }

  const LogConstants constants_;
  LogFormat* const out_;
  std::string* error_ = nullptr;
  // An op of kText has nothing but its text, in `name`.
  std::vector<Op> ops_;
  uint8_t slots_ = 0;
};

bool LogCompiler::Compile(std::string text, std::string* error) {
  error_ = error;
  for (const auto& named : kNamed) {
    if (text == named.name) text = named.text;
  }
  if (text.find('%') == std::string::npos) {
    return Fail("is combined, common, uwsgi, json, or text with atoms such as %(status)");
  }
  for (const char c : text) {
    if (static_cast<uint8_t>(c) < 0x20) return Fail("has a control character in it");
  }
  *out_ = LogFormat();
  out_->json_ = text[0] == '{';
  out_->slot_of_key_.assign(kKeyCount, 0);
  // What Resolve always wants to know; in this order, see log_format.cc.
  for (const char* name : {"REMOTE_ADDR", "REMOTE_USER", "HTTP_AUTHORIZATION", "SERVER_PROTOCOL",
                           "HTTP_X_FORWARDED_FOR"}) {
    SlotOf(name);
  }
  for (size_t at = 0; at < text.size();) {
    const size_t mark = text.find('%', at);
    AddText(text.substr(at, mark - at));
    if (mark == std::string::npos) break;
    at = mark;
    if (!TakeAtom(text, &at)) return false;
    if (ops_.size() > LogFormat::kMaxAtoms) return Fail("has too many atoms");
  }
  AddText("\n");
  Arrange();
  return true;
}

// `text[*at]` is a percent sign.
bool LogCompiler::TakeAtom(const std::string& text, size_t* at) {
  if (text.compare(*at, 2, "%%") == 0) {
    AddText("%");
    *at += 2;
    return true;
  }
  const char next = *at + 1 < text.size() ? text[*at + 1] : ' ';
  if (next != '(' && next != '{' && next != '>' && !IsAlnum(static_cast<uint8_t>(next))) {
    AddText("%");  // "100 %": files of uWSGI's kind have made one of two
    ++*at;
    return true;
  }
  const size_t end = text.find(')', *at);
  if (next != '(' || end == std::string::npos) {
    return Fail("has a % that begins no atom: write %% for the sign itself");
  }
  const std::string name = text.substr(*at + 2, end - *at - 2);
  *at = end + 1;
  // Gunicorn's names come from Python, and end as Python's do.
  if (name.size() == 1 || (!name.empty() && name[0] == '{')) {
    if (*at == text.size() || text[*at] != 's') return Fail("has no s behind %(" + name + ")");
    ++*at;
  }
  return !name.empty() && name[0] == '{' ? AddBraced(name) : AddAtom(name);
}

// "{name}i"
bool LogCompiler::AddBraced(const std::string& name) {
  const size_t end = name.find('}');
  if (end == std::string::npos || end < 2 || end + 2 != name.size()) {
    return Fail("has an unknown atom %(" + name + ")");
  }
  const std::string inner = name.substr(1, end - 1);
  switch (name.back()) {
    case 'i':
      AddVariable(FieldVariable(inner), false);
      return true;
    case 'e':
      AddVariable(inner, false);
      return true;
    case 'o':
      Add(LogAtom::kResponseField);
      ops_.back().name = inner;
      return true;
    default:
      return Fail("has an unknown atom %(" + name + ")");
  }
}

bool LogCompiler::AddAtom(std::string name) {
  const bool quoted = !name.empty() && name[0] == '?';
  if (quoted) name.erase(0, 1);
  if (name.compare(0, 4, "var.") == 0 && name.size() > 4) {
    AddVariable(name.substr(4), quoted);
    return true;
  }
  if (name == "t") {
    AddText("[");
    Add(LogAtom::kTimeClf);
    AddText("]");
    return true;
  }
  const bool bracketed = name == "p";
  if (bracketed || name == "pid") {
    const std::string pid = std::to_string(constants_.pid);
    AddText(bracketed ? "<" + pid + ">" : pid);
    return true;
  }
  if (name == "wid" || name == "core") {
    AddText(std::to_string(name == "wid" ? constants_.worker : constants_.core));
    return true;
  }
  for (const auto& known : kAtoms) {
    if (name != known.name) continue;
    if (known.atom == LogAtom::kText) {
      AddText(known.text);
    } else if (known.atom == LogAtom::kVariable) {
      AddVariable(known.text, quoted);
    } else {
      Add(known.atom, quoted);
    }
    return true;
  }
  return Fail("has an unknown atom %(" + name + ")");
}

void LogCompiler::AddVariable(const std::string& name, bool quoted) {
  Add(LogAtom::kVariable, quoted);
  ops_.back().name = name;
  ops_.back().slot = SlotOf(name);
}

void LogCompiler::Add(LogAtom atom, bool quoted) {
  Op op;
  op.atom = atom;
  op.quoted = quoted;
  ops_.push_back(op);
}

void LogCompiler::AddText(const std::string& text) {
  if (text.empty()) return;
  if (ops_.empty() || ops_.back().atom != LogAtom::kText) Add(LogAtom::kText);
  ops_.back().name += text;
}

uint8_t LogCompiler::SlotOf(const std::string& name) {
  const Key key = FindVariableKey({name.data(), name.size()});
  if (key == Key::kNone) return 0;
  uint8_t& slot = out_->slot_of_key_[static_cast<size_t>(key)];
  if (slot == 0 && slots_ + 1 < LogFormat::kMaxSlots) slot = ++slots_;
  return slot;
}

// Neighbours that are known when the request has come are written then, as one run.
void LogCompiler::Arrange() {
  LogFormat& out = *out_;
  std::string text;  // that stands in front of the next one
  bool run = false;
  const auto put = [&](std::vector<Op>* ops, Op op) {
    op.text_at = static_cast<uint32_t>(out.text_.size());
    op.text_size = static_cast<uint32_t>(text.size());
    out.text_.insert(out.text_.end(), text.begin(), text.end());
    text.clear();
    ops->push_back(std::move(op));
  };
  const auto close = [&] {
    if (!run) return;
    put(&out.request_ops_, {LogAtom::kEndOfRun});
    put(&out.line_ops_, {LogAtom::kRun});
    run = false;
  };
  for (const Op& op : ops_) {
    Ask(op.atom);
    if (op.atom == LogAtom::kText) {
      text += op.name;
    } else if (IsRequestAtom(op.atom)) {
      run = true;
      put(&out.request_ops_, op);
    } else {
      close();
      if (op.atom == LogAtom::kResponseField) out.head_ops_.push_back(op);
      put(&out.line_ops_, op);
    }
  }
  close();
  put(&out.line_ops_, {LogAtom::kText});
  for (const Op& op : out.line_ops_) out.line_bytes_ += op.text_size + LogFormat::kMaxOwnBytes;
  out.text_.resize(out.text_.size() + LogFormat::kTextSlack);
}

// What has to be found out for an atom.
void LogCompiler::Ask(LogAtom atom) {
  LogFormat& out = *out_;
  out.wants_path_ |= atom == LogAtom::kPath || atom == LogAtom::kQuery;
  out.wants_start_ |=
      atom == LogAtom::kTimeIso || atom == LogAtom::kTimeMillis || atom == LogAtom::kTimeMicros;
  out.wants_clock_ |= atom >= LogAtom::kMicros && atom <= LogAtom::kSecondsDecimal;
  out.wants_field_count_ |= atom == LogAtom::kFieldCount;
  out.wants_memory_ |= atom >= LogAtom::kRss && atom <= LogAtom::kVszMb;
}

bool LogFormat::Compile(ByteView text, const LogConstants& constants, std::string* error) {
  LogCompiler compiler(constants, this);
  return compiler.Compile({text.chars(), text.size}, error);
}

}  // namespace postern
