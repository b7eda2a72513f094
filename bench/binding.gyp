{
  # The rungs of the ladder that run inside of Node. Not part of the product.
  'targets': [
    {
      'target_name': 'rungs',
      'sources': [
        'native/rungs.cc',
        '<!@(node -p "require(\'fs\').readFileSync(\'../binding.gyp\',\'utf8\').match(/native\\/(base|protocols|engine)\\/\\w+\\.cc/g).map(f=>\'../\'+f).join(\' \')")',
      ],
      'include_dirs': ['../native', '..'],
      'defines': ['NAPI_VERSION=9', 'NDEBUG'],
      'cflags_cc!': ['-std=gnu++17', '-std=gnu++20'],
      'cflags_cc': ['-std=c++20', '-O3', '-flto', '-fno-exceptions', '-fno-rtti', '-fvisibility=hidden'],
      'ldflags': ['-O3', '-flto'],
    },
  ],
}
