// Every cap on bytes, counts and time in one place. The option table of src/config gives each one
// its name and its default; the values here are those defaults, for code without options.
#ifndef POSTERN_BASE_LIMITS_H_
#define POSTERN_BASE_LIMITS_H_

#include <cstdint>

namespace postern {

struct Limits {
  // Heads. Bytes; a request line without its CRLF, a field with it (as gunicorn counts).
  uint32_t max_request_line_bytes = 8190;
  uint32_t max_fields = 100;
  uint32_t max_field_bytes = 8190;
  uint32_t max_head_bytes = 65536;
  uint32_t max_empty_lines = 8;  // CRLFs before a request line (RFC 9112 §2.2)
  uint32_t max_method_bytes = 64;
  uint32_t max_vars = 1000;  // of a uwsgi packet

  // Bodies. 0 = no limit.
  uint64_t max_body_bytes = 0;
  uint32_t max_chunk_line_bytes = 4096;
  uint32_t max_chunk_extension_bytes = 16384;  // of one whole body
  uint32_t max_trailer_bytes = 8190;
  uint64_t post_buffering_bytes = 0;  // 0 = stream; else memory up to this, then a file
  uint32_t body_high_water_bytes = 256 * 1024;
  uint32_t max_drain_bytes = 64 * 1024;  // of a body that nobody reads, to keep the connection
  uint32_t max_linger_bytes = 16 * 1024 * 1024;  // behind the last reply; bounded in time as well

  // Output: the application waits above, and goes on below a quarter of it.
  uint32_t write_high_water_bytes = 256 * 1024;

  // Seconds without progress.
  uint32_t header_timeout_s = 30;
  uint32_t body_timeout_s = 30;
  uint32_t write_timeout_s = 60;
  uint32_t keepalive_timeout_s = 75;
  uint32_t linger_timeout_s = 2;

  // Seconds that the application may take for a response, or between two parts of it. 0 = for ever.
  uint32_t harakiri_s = 0;

  uint32_t max_connections = 0;  // 0 = as many as there are descriptors
};

}  // namespace postern

#endif  // POSTERN_BASE_LIMITS_H_
