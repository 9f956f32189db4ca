/** The CMake name of the architecture to build for; 9.0 has instructions that only 90a offers. */
export function architectureOf(computeCapability) {
  const [major, minor] = computeCapability.split('.')
  return `${major}${minor}${major === '9' ? 'a' : ''}-real`
}
