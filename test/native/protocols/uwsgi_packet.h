// uwsgi packets for tests, made by the encoder under test.
#ifndef POSTERN_TEST_PROTOCOLS_UWSGI_PACKET_H_
#define POSTERN_TEST_PROTOCOLS_UWSGI_PACKET_H_

#include <string>
#include <utility>
#include <vector>

#include "check.h"
#include "protocols/uwsgi.h"

namespace postern::test {

using Vars = std::vector<std::pair<std::string, std::string>>;

inline std::string PacketOf(const Vars& vars, uint8_t modifier1 = 0, uint8_t modifier2 = 0) {
  std::vector<UwsgiVar> list;
  for (const auto& [key, value] : vars) list.push_back({Bytes(key), Bytes(value)});
  Buffer out;
  CHECK(EncodeUwsgiPacket(modifier1, modifier2, list, &out));
  return std::string(Text(out.View()));
}

}  // namespace postern::test

#endif  // POSTERN_TEST_PROTOCOLS_UWSGI_PACKET_H_
