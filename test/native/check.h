// A test harness in one page: tests register themselves, main runs those whose title contains its
// argument, and what is printed is TAP, diagnostics ("# …") included.
//
// A check that fails is counted and printed, and the test goes on. Inside of a table, Row names the
// row; the name is printed with each failure.
#ifndef POSTERN_TEST_CHECK_H_
#define POSTERN_TEST_CHECK_H_

#include <cstdint>
#include <cstdio>
#include <string>
#include <string_view>

#include "base/bytes.h"

namespace postern::test {

struct Test {
  Test(const char* test_title, void (*function)()) : title(test_title), run(function) {
    (last == nullptr ? first : last->next) = this;
    last = this;
  }
  const char* title;
  void (*run)();
  Test* next = nullptr;
  static inline Test* first = nullptr;
  static inline Test* last = nullptr;
};

inline uint64_t checks = 0;
inline uint64_t failures = 0;
inline std::string row;

// Names what is checked from here on.
inline void Row(std::string_view name) {
  row = name;
}

inline std::string Show(uint64_t value) {
  return std::to_string(value);
}
inline std::string Show(std::string_view bytes) {
  std::string out = "\"";
  for (unsigned char c : bytes.substr(0, 200)) {
    char text[8];
    snprintf(text, sizeof(text), c < 0x20 || c > 0x7e ? "\\x%02x" : "%c", c);
    out += text;
  }
  return out + (bytes.size() > 200 ? "…\"" : "\"");
}
inline std::string_view Text(ByteView bytes) {
  return {bytes.chars(), bytes.size};
}
inline ByteView Bytes(std::string_view text) {
  return {text.data(), text.size()};
}

inline bool Check(bool ok, const char* file, int line, const std::string& what) {
  ++checks;
  if (ok) return true;
  if (++failures > 50) return false;
  printf("# %s:%d: %s%s%s\n", file, line, what.c_str(), row.empty() ? "" : "   in ",
         row.empty() ? "" : Show(row).c_str());
  return false;
}

}  // namespace postern::test

#define POSTERN_JOIN_(a, b) a##b
#define POSTERN_JOIN(a, b) POSTERN_JOIN_(a, b)
#define TEST(title)                                                                             \
  static void POSTERN_JOIN(Test, __LINE__)();                                                   \
  static postern::test::Test POSTERN_JOIN(test, __LINE__)(title, POSTERN_JOIN(Test, __LINE__)); \
  static void POSTERN_JOIN(Test, __LINE__)()
#define CHECK(condition) ::postern::test::Check((condition), __FILE__, __LINE__, #condition)
#define CHECK_EQ(a, b) CHECK((a) == (b))
#define CHECK_TEXT(bytes, expected)                                                            \
  ::postern::test::Check(::postern::test::Text(bytes) == std::string_view(expected), __FILE__, \
                         __LINE__,                                                             \
                         #bytes " is " + ::postern::test::Show(::postern::test::Text(bytes)))

#endif  // POSTERN_TEST_CHECK_H_
