{
  # npm run build:native builds Release, npm run build:debug Debug (asserts on).
  'variables': {
    'sanitize%': '',
  },
  'targets': [
    {
      'target_name': 'postern',
      'sources': [
        'native/base/intern_table.cc',
        'native/base/ip_address.cc',
        'native/protocols/authority.cc',
        'native/protocols/body_framing.cc',
        'native/protocols/body_reader.cc',
        'native/protocols/chunked.cc',
        'native/protocols/forwarded.cc',
        'native/protocols/http1.cc',
        'native/protocols/http1_response.cc',
        'native/protocols/keys.cc',
        'native/protocols/meta_variables.cc',
        'native/protocols/proxy.cc',
        'native/protocols/uwsgi.cc',
        'native/engine/body_store.cc',
        'native/engine/engine.cc',
        'native/engine/engine_accept.cc',
        'native/engine/engine_body.cc',
        'native/engine/engine_input.cc',
        'native/engine/engine_output.cc',
        'native/engine/engine_requests.cc',
        'native/engine/engine_response.cc',
        'native/engine/engine_score.cc',
        'native/engine/listener.cc',
        'native/engine/out_queue.cc',
        'native/engine/poller_epoll.cc',
        'native/binding/addon.cc',
        'native/binding/js_api.cc',
        'native/binding/js_call.cc',
        'native/binding/js_engine.cc',
        'native/binding/js_options.cc',
        'native/binding/js_scoreboard.cc',
        'native/binding/request_writer.cc',
      ],
      'include_dirs': ['native'],
      'defines': ['NAPI_VERSION=9'],
      'cflags_cc!': ['-std=gnu++17', '-std=gnu++20'],
      'cflags_cc': [
        '-std=c++20', '-fno-exceptions', '-fno-rtti', '-fvisibility=hidden',
        '-fvisibility-inlines-hidden', '-Wall', '-Wextra', '-Wno-missing-field-initializers',
      ],
      'ldflags': [
        '-Wl,-Bsymbolic', '-Wl,--exclude-libs,ALL', '-Wl,-z,now', '-Wl,-z,relro',
        '-static-libstdc++', '-static-libgcc',
      ],
      'configurations': {
        'Release': {
          'cflags': ['-O3', '-flto', '-fno-plt'],
          'ldflags': ['-O3', '-flto'],
          'defines': ['NDEBUG'],
        },
        'Debug': {
          'cflags': ['-O1', '-g'],
          'cflags!': ['-O0'],
          'defines': ['POSTERN_DEBUG'],
        },
      },
      'conditions': [
        ['sanitize!=""', {
          'cflags': ['-fsanitize=<(sanitize)', '-fno-omit-frame-pointer', '-g'],
          'ldflags': ['-fsanitize=<(sanitize)'],
        }],
      ],
    },
  ],
}
