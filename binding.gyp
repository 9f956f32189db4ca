{
  # A thin door to CMakeLists.txt, the only build description, for tools that know node-gyp alone.
  'targets': [
    {
      'target_name': 'videomolmo',
      'type': 'none',
      'actions': [
        {
          'action_name': 'cmake',
          'inputs': ['CMakeLists.txt'],
          'outputs': ['<(PRODUCT_DIR)/videomolmo.node'],
          'action': ['node', 'scripts/cmake.cjs', '<(PRODUCT_DIR)'],
        }
      ]
    }
  ]
}
