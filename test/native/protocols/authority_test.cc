#include "protocols/authority.h"

#include <string>

#include "check.h"
#include "guard_page.h"

using namespace postern;        // NOLINT(build/namespaces)
using namespace postern::test;  // NOLINT(build/namespaces)

TEST("an authority is a host and perhaps a port, and nothing else") {
  const struct {
    std::string_view text;
    bool valid;
    std::string_view host;
    std::string_view port;
  } rows[] = {
      {"", true, "", ""},
      {"a", true, "a", ""},
      {"example.com:8080", true, "example.com", "8080"},
      {"EXAMPLE.com", true, "EXAMPLE.com", ""},
      {"example.com:", true, "example.com", ""},
      {":80", true, "", "80"},
      {":", true, "", ""},
      {"a:0", true, "a", "0"},
      {"a:65535", true, "a", "65535"},
      {"a:65536", false, "", ""},
      {"a:00080", true, "a", "00080"},
      {"a:000080", false, "", ""},
      {"a:8o", false, "", ""},
      {"a:-1", false, "", ""},
      {"a:80:80", false, "", ""},
      {"[::1]", true, "[::1]", ""},
      {"[::1]:443", true, "[::1]", "443"},
      {"[::ffff:1.2.3.4]:1", true, "[::ffff:1.2.3.4]", "1"},
      {"[::1", false, "", ""},
      {"[]", false, "", ""},
      {"[", false, "", ""},
      {"[::1]x", false, "", ""},
      {"[::g]", false, "", ""},
      {"[fe80::1%25eth0]", false, "", ""},
      {"::1", false, "", ""},
      {"user@a", false, "", ""},
      {"user:pw@a:80", false, "", ""},
      {"a/b", false, "", ""},
      {"a?b", false, "", ""},
      {"a#b", false, "", ""},
      {"a b", false, "", ""},
      {"a%20b", false, "", ""},
      {"a\\b", false, "", ""},
      {"a,b", true, "a,b", ""},
      {"a_b~!$&'()*+;=-.", true, "a_b~!$&'()*+;=-.", ""},
      {"\x7f", false, "", ""},
      {"\x80", false, "", ""},
      {"\xff", false, "", ""},
      {std::string_view("a\0", 2), false, "", ""},
  };
  for (const auto& one : rows) {
    Row(one.text);
    Guarded text(one.text);
    Authority authority;
    const bool valid = ParseAuthority(text.View(), &authority);
    CHECK_EQ(valid, one.valid);
    if (!valid) continue;
    CHECK_TEXT(authority.host, one.host);
    CHECK_TEXT(authority.port, one.port);
  }
}

TEST("which bytes may stand in a host name is the same at every place") {
  for (int c = 0; c < 256; ++c) {
    const auto byte = static_cast<char>(c);
    Authority authority;
    Row(std::to_string(c));
    const std::string one{byte};
    const std::string three{'a', byte, 'b'};
    if (byte == ':' || byte == '[') continue;
    CHECK_EQ(ParseAuthority(Bytes(one), &authority), ParseAuthority(Bytes(three), &authority));
  }
}
