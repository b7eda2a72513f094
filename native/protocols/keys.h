// The meta-variables (RFC 3875 §4.1) and request fields that are known by number.
//
// A known key costs a hash and one comparison instead of a string, and hosts keep a ready-made
// JavaScript string or Python object for each. Everything else is carried by name.
#ifndef POSTERN_PROTOCOLS_KEYS_H_
#define POSTERN_PROTOCOLS_KEYS_H_

#include <cstdint>

#include "base/bytes.h"

namespace postern {

// X(enumerator, meta-variable, request field in lower case or "" where no field has that meaning)
#define POSTERN_KEYS(X)                                                              \
  X(kRequestMethod, "REQUEST_METHOD", "")                                            \
  X(kScriptName, "SCRIPT_NAME", "")                                                  \
  X(kPathInfo, "PATH_INFO", "")                                                      \
  X(kQueryString, "QUERY_STRING", "")                                                \
  X(kRequestUri, "REQUEST_URI", "")                                                  \
  X(kServerName, "SERVER_NAME", "")                                                  \
  X(kServerPort, "SERVER_PORT", "")                                                  \
  X(kServerProtocol, "SERVER_PROTOCOL", "")                                          \
  X(kServerAddr, "SERVER_ADDR", "")                                                  \
  X(kServerSoftware, "SERVER_SOFTWARE", "")                                          \
  X(kGatewayInterface, "GATEWAY_INTERFACE", "")                                      \
  X(kRemoteAddr, "REMOTE_ADDR", "")                                                  \
  X(kRemotePort, "REMOTE_PORT", "")                                                  \
  X(kRemoteHost, "REMOTE_HOST", "")                                                  \
  X(kRemoteUser, "REMOTE_USER", "")                                                  \
  X(kAuthType, "AUTH_TYPE", "")                                                      \
  X(kPathTranslated, "PATH_TRANSLATED", "")                                          \
  X(kDocumentRoot, "DOCUMENT_ROOT", "")                                              \
  X(kDocumentUri, "DOCUMENT_URI", "")                                                \
  X(kScriptFilename, "SCRIPT_FILENAME", "")                                          \
  X(kRequestScheme, "REQUEST_SCHEME", "")                                            \
  X(kRedirectStatus, "REDIRECT_STATUS", "")                                          \
  X(kHttps, "HTTPS", "")                                                             \
  X(kUwsgiScheme, "UWSGI_SCHEME", "")                                                \
  X(kContentType, "CONTENT_TYPE", "content-type")                                    \
  X(kContentLength, "CONTENT_LENGTH", "content-length")                              \
  X(kHost, "HTTP_HOST", "host")                                                      \
  X(kUserAgent, "HTTP_USER_AGENT", "user-agent")                                     \
  X(kAccept, "HTTP_ACCEPT", "accept")                                                \
  X(kAcceptEncoding, "HTTP_ACCEPT_ENCODING", "accept-encoding")                      \
  X(kAcceptLanguage, "HTTP_ACCEPT_LANGUAGE", "accept-language")                      \
  X(kAcceptCharset, "HTTP_ACCEPT_CHARSET", "accept-charset")                         \
  X(kCookie, "HTTP_COOKIE", "cookie")                                                \
  X(kConnection, "HTTP_CONNECTION", "connection")                                    \
  X(kKeepAlive, "HTTP_KEEP_ALIVE", "keep-alive")                                     \
  X(kCacheControl, "HTTP_CACHE_CONTROL", "cache-control")                            \
  X(kPragma, "HTTP_PRAGMA", "pragma")                                                \
  X(kReferer, "HTTP_REFERER", "referer")                                             \
  X(kOrigin, "HTTP_ORIGIN", "origin")                                                \
  X(kAuthorization, "HTTP_AUTHORIZATION", "authorization")                           \
  X(kIfNoneMatch, "HTTP_IF_NONE_MATCH", "if-none-match")                             \
  X(kIfMatch, "HTTP_IF_MATCH", "if-match")                                           \
  X(kIfModifiedSince, "HTTP_IF_MODIFIED_SINCE", "if-modified-since")                 \
  X(kIfUnmodifiedSince, "HTTP_IF_UNMODIFIED_SINCE", "if-unmodified-since")           \
  X(kIfRange, "HTTP_IF_RANGE", "if-range")                                           \
  X(kRange, "HTTP_RANGE", "range")                                                   \
  X(kUpgrade, "HTTP_UPGRADE", "upgrade")                                             \
  X(kUpgradeInsecure, "HTTP_UPGRADE_INSECURE_REQUESTS", "upgrade-insecure-requests") \
  X(kHttp2Settings, "HTTP_HTTP2_SETTINGS", "http2-settings")                         \
  X(kTe, "HTTP_TE", "te")                                                            \
  X(kTrailer, "HTTP_TRAILER", "trailer")                                             \
  X(kTransferEncoding, "HTTP_TRANSFER_ENCODING", "transfer-encoding")                \
  X(kExpect, "HTTP_EXPECT", "expect")                                                \
  X(kVia, "HTTP_VIA", "via")                                                         \
  X(kDate, "HTTP_DATE", "date")                                                      \
  X(kDnt, "HTTP_DNT", "dnt")                                                         \
  X(kPriority, "HTTP_PRIORITY", "priority")                                          \
  X(kProxy, "HTTP_PROXY", "proxy")                                                   \
  X(kProxyConnection, "HTTP_PROXY_CONNECTION", "proxy-connection")                   \
  X(kProxyAuthorization, "HTTP_PROXY_AUTHORIZATION", "proxy-authorization")          \
  X(kContentEncoding, "HTTP_CONTENT_ENCODING", "content-encoding")                   \
  X(kContentLanguage, "HTTP_CONTENT_LANGUAGE", "content-language")                   \
  X(kContentDisposition, "HTTP_CONTENT_DISPOSITION", "content-disposition")          \
  X(kSecFetchSite, "HTTP_SEC_FETCH_SITE", "sec-fetch-site")                          \
  X(kSecFetchMode, "HTTP_SEC_FETCH_MODE", "sec-fetch-mode")                          \
  X(kSecFetchUser, "HTTP_SEC_FETCH_USER", "sec-fetch-user")                          \
  X(kSecFetchDest, "HTTP_SEC_FETCH_DEST", "sec-fetch-dest")                          \
  X(kSecChUa, "HTTP_SEC_CH_UA", "sec-ch-ua")                                         \
  X(kSecChUaMobile, "HTTP_SEC_CH_UA_MOBILE", "sec-ch-ua-mobile")                     \
  X(kSecChUaPlatform, "HTTP_SEC_CH_UA_PLATFORM", "sec-ch-ua-platform")               \
  X(kSecGpc, "HTTP_SEC_GPC", "sec-gpc")                                              \
  X(kSecPurpose, "HTTP_SEC_PURPOSE", "sec-purpose")                                  \
  X(kSecWebSocketKey, "HTTP_SEC_WEBSOCKET_KEY", "sec-websocket-key")                 \
  X(kSecWebSocketVersion, "HTTP_SEC_WEBSOCKET_VERSION", "sec-websocket-version")     \
  X(kSecWebSocketProtocol, "HTTP_SEC_WEBSOCKET_PROTOCOL", "sec-websocket-protocol")  \
  X(kSecWebSocketExt, "HTTP_SEC_WEBSOCKET_EXTENSIONS", "sec-websocket-extensions")   \
  X(kForwarded, "HTTP_FORWARDED", "forwarded")                                       \
  X(kXForwardedFor, "HTTP_X_FORWARDED_FOR", "x-forwarded-for")                       \
  X(kXForwardedProto, "HTTP_X_FORWARDED_PROTO", "x-forwarded-proto")                 \
  X(kXForwardedProtocol, "HTTP_X_FORWARDED_PROTOCOL", "x-forwarded-protocol")        \
  X(kXForwardedSsl, "HTTP_X_FORWARDED_SSL", "x-forwarded-ssl")                       \
  X(kXForwardedHost, "HTTP_X_FORWARDED_HOST", "x-forwarded-host")                    \
  X(kXForwardedPort, "HTTP_X_FORWARDED_PORT", "x-forwarded-port")                    \
  X(kXForwardedServer, "HTTP_X_FORWARDED_SERVER", "x-forwarded-server")              \
  X(kXForwardedPrefix, "HTTP_X_FORWARDED_PREFIX", "x-forwarded-prefix")              \
  X(kXForwardedBy, "HTTP_X_FORWARDED_BY", "x-forwarded-by")                          \
  X(kXRealIp, "HTTP_X_REAL_IP", "x-real-ip")                                         \
  X(kXScheme, "HTTP_X_SCHEME", "x-scheme")                                           \
  X(kXRequestId, "HTTP_X_REQUEST_ID", "x-request-id")                                \
  X(kXRequestedWith, "HTTP_X_REQUESTED_WITH", "x-requested-with")                    \
  X(kXCorrelationId, "HTTP_X_CORRELATION_ID", "x-correlation-id")                    \
  X(kXCsrfToken, "HTTP_X_CSRF_TOKEN", "x-csrf-token")                                \
  X(kXApiKey, "HTTP_X_API_KEY", "x-api-key")                                         \
  X(kTraceparent, "HTTP_TRACEPARENT", "traceparent")                                 \
  X(kTracestate, "HTTP_TRACESTATE", "tracestate")                                    \
  X(kCfConnectingIp, "HTTP_CF_CONNECTING_IP", "cf-connecting-ip")

enum class Key : uint16_t {
  kNone = 0,
#define POSTERN_KEY_ENUMERATOR(name, variable, field) name,
  POSTERN_KEYS(POSTERN_KEY_ENUMERATOR)
#undef POSTERN_KEY_ENUMERATOR
      kCount
};

inline constexpr size_t kKeyCount = static_cast<size_t>(Key::kCount);

// A request field by its name, in any case. kNone: not known.
Key FindFieldKey(ByteView name);

// A meta-variable by its exact name. kNone: not known.
Key FindVariableKey(ByteView name);

// "HTTP_HOST" for kHost. Lives for ever.
ByteView VariableName(Key key);

// A set of known keys: "was there a Host?" without a search.
class KeySet {
 public:
  bool Has(Key key) const { return (words_[Index(key) / 64] >> (Index(key) % 64) & 1) != 0; }
  // True when it was there before.
  bool TestAndSet(Key key) {
    const bool had = Has(key);
    words_[Index(key) / 64] |= 1ull << (Index(key) % 64);
    return had;
  }
  void Remove(Key key) { words_[Index(key) / 64] &= ~(1ull << (Index(key) % 64)); }
  bool Intersects(const KeySet& other) const {
    return ((words_[0] & other.words_[0]) | (words_[1] & other.words_[1])) != 0;
  }

 private:
  static size_t Index(Key key) { return static_cast<size_t>(key); }
  uint64_t words_[2] = {0, 0};
};

static_assert(kKeyCount <= 128, "KeySet has two words");

}  // namespace postern

#endif  // POSTERN_PROTOCOLS_KEYS_H_
