#include "native/base/cublaslt.h"

#include <dlfcn.h>

#include <cstdlib>
#include <vector>

#include "videomolmo/status.h"

namespace vmolmo::cublaslt {
namespace {

constexpr int kOldest = 120000;
constexpr const char* kSonames[] = {"libcublasLt.so.13", "libcublasLt.so.12", "libcublasLt.so"};

std::string dotted(int version) {
  return concat(version / 10000, ".", version / 100 % 100, ".", version % 100);
}

// False names the missing entry point in `missing`.
template <typename Function>
bool bind(void* handle, const char* symbol, Function& target, std::string& missing) {
  target = reinterpret_cast<Function>(dlsym(handle, symbol));
  if (!target && missing.empty()) missing = symbol;
  return target != nullptr;
}

std::string bind_all(void* handle, Api& api) {
  std::string missing;
  bind(handle, "cublasLtCreate", api.create, missing);
  bind(handle, "cublasLtDestroy", api.destroy, missing);
  bind(handle, "cublasLtMatmulDescCreate", api.desc_create, missing);
  bind(handle, "cublasLtMatmulDescDestroy", api.desc_destroy, missing);
  bind(handle, "cublasLtMatmulDescSetAttribute", api.desc_set, missing);
  bind(handle, "cublasLtMatrixLayoutCreate", api.layout_create, missing);
  bind(handle, "cublasLtMatrixLayoutDestroy", api.layout_destroy, missing);
  bind(handle, "cublasLtMatrixLayoutSetAttribute", api.layout_set, missing);
  bind(handle, "cublasLtMatmulPreferenceCreate", api.preference_create, missing);
  bind(handle, "cublasLtMatmulPreferenceDestroy", api.preference_destroy, missing);
  bind(handle, "cublasLtMatmulPreferenceSetAttribute", api.preference_set, missing);
  bind(handle, "cublasLtMatmulAlgoGetHeuristic", api.heuristic, missing);
  bind(handle, "cublasLtMatmul", api.matmul, missing);
  return missing;
}

std::vector<std::string> candidates() {
  std::vector<std::string> names(std::begin(kSonames), std::end(kSonames));
  std::vector<std::string> folders;
  for (const char* variable : {"CUDA_HOME", "CUDA_PATH"}) {
    const char* root = std::getenv(variable);
    if (root && *root) folders.push_back(std::string(root) + "/lib64/");
  }
  for (const char* folder : {"/usr/local/cuda/lib64/", "/opt/cuda/lib64/", "/usr/lib64/"})
    folders.push_back(folder);
  for (const std::string& folder : folders)
    for (const char* soname : kSonames) names.push_back(folder + soname);
  return names;
}

Library search() {
  const char* named = std::getenv("VIDEOMOLMO_CUBLASLT");
  if (named && *named) {
    Library library = open(named);
    if (!library.status.found)
      library.status.message = "VIDEOMOLMO_CUBLASLT: " + library.status.message;
    return library;
  }
  std::string unusable;  // a library that is there and does not serve says more than its absence
  for (const std::string& name : candidates()) {
    Library library = open(name);
    if (library.status.found) return library;
    if (!library.status.path.empty() && unusable.empty()) unusable = library.status.message;
  }
  Library none;
  none.status.message =
      !unusable.empty() ? unusable
                        : "libcublasLt.so.13 and .12 are neither on the loader's path nor in the "
                          "CUDA toolkit's folder; VIDEOMOLMO_CUBLASLT may name the file.";
  return none;
}

}  // namespace

Library open(const std::string& name) {
  Library library;
  void* handle = dlopen(name.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (!handle) {
    const char* reason = dlerror();
    library.status.message = concat("Cannot open ", name, ": ", reason ? reason : "no reason", ".");
    return library;
  }
  library.status.path = name;
  size_t (*version)() = nullptr;
  std::string missing;
  if (bind(handle, "cublasLtGetVersion", version, missing))
    library.status.version = static_cast<int>(version());
  if (missing.empty() && library.status.version >= kOldest) missing = bind_all(handle, library.api);
  if (!missing.empty()) {
    library.status.message = concat(name, " has no ", missing, ".");
  } else if (library.status.version < kOldest) {
    library.status.message = concat(name, " is version ", dotted(library.status.version), "; ",
                                    dotted(kOldest), " or later is needed.");
  }
  library.status.found = library.status.message.empty();
  if (!library.status.found) {
    library.api = {};
    library.status.version = 0;
    dlclose(handle);
  }
  return library;
}

const Library& library() {
  static const Library found = search();
  return found;
}

}  // namespace vmolmo::cublaslt

namespace vmolmo {

const CublasLtStatus& cublaslt_status() { return cublaslt::library().status; }

}  // namespace vmolmo
