#include "native/kernels/cuda/cublaslt_gemm.h"

#include "videomolmo/status.h"

// cuBLASLt is column-major: a row-major [m, n] is its [n, m] of the same leading dimension. So y is
// computed as w' x', with w as the transposed first operand, and the bias runs along its rows.
namespace vmolmo::cuda {

using cublaslt::DescAttribute;
using cublaslt::Epilogue;
using cublaslt::Result;

struct CublasLtGemm::Plan {
  const cublaslt::Api& api;
  cublaslt::MatmulDesc desc = nullptr;
  cublaslt::MatrixLayout w = nullptr, x = nullptr, residual = nullptr, y = nullptr;
  cublaslt::Algorithm algorithm{};
  bool usable = false;

  explicit Plan(const cublaslt::Api& functions) : api(functions) {}
  ~Plan() {
    for (cublaslt::MatrixLayout layout : {w, x, residual, y})
      if (layout) api.layout_destroy(layout);
    if (desc) api.desc_destroy(desc);
  }
  Plan(const Plan&) = delete;
  Plan& operator=(const Plan&) = delete;

  bool describe(const LtGemm& problem);
  bool choose(cublaslt::Handle handle, size_t workspace_bytes, const Alignments& alignments);
};

namespace {

bool ok(Result result) { return result == Result::kSuccess; }

// The largest power of two, up to what the library takes for granted, that divides the address.
uint32_t alignment_of(const void* data) {
  constexpr uintptr_t kGranted = 256;
  const uintptr_t bits = reinterpret_cast<uintptr_t>(data) | kGranted;
  return static_cast<uint32_t>(bits & ~(bits - 1));
}

template <typename Value>
bool set(const cublaslt::Api& api, cublaslt::MatmulDesc desc, DescAttribute attribute,
         const Value& value) {
  return ok(api.desc_set(desc, attribute, &value, sizeof(value)));
}

}  // namespace

bool CublasLtGemm::Plan::describe(const LtGemm& p) {
  const Epilogue epilogue = p.bias ? Epilogue::kBias : Epilogue::kDefault;
  const auto layout = [&](cublaslt::MatrixLayout& target, cublaslt::DataType type, int64_t rows,
                          int64_t columns, int64_t ld) {
    return ok(api.layout_create(&target, type, static_cast<uint64_t>(rows),
                                static_cast<uint64_t>(columns), ld));
  };
  return ok(api.desc_create(&desc, cublaslt::Compute::k32F, cublaslt::DataType::kF32)) &&
         set(api, desc, DescAttribute::kTransA, cublaslt::Operation::kTranspose) &&
         set(api, desc, DescAttribute::kTransB, cublaslt::Operation::kNone) &&
         set(api, desc, DescAttribute::kEpilogue, epilogue) &&
         (!p.bias || (set(api, desc, DescAttribute::kBiasDataType, p.output) &&
                      set(api, desc, DescAttribute::kBiasPointer, p.bias))) &&
         layout(w, p.input, p.k, p.n, p.ldw) && layout(x, p.input, p.k, p.m, p.ldx) &&
         layout(residual, p.output, p.n, p.m, p.residual ? p.ldr : p.ldy) &&
         layout(y, p.output, p.n, p.m, p.ldy);
}

CublasLtGemm::Alignments CublasLtGemm::alignments(const LtGemm& p) {
  return {alignment_of(p.w), alignment_of(p.x), alignment_of(p.residual ? p.residual : p.y),
          alignment_of(p.y)};
}

bool CublasLtGemm::Plan::choose(cublaslt::Handle handle, size_t workspace_bytes,
                                const Alignments& alignments) {
  using Attribute = cublaslt::PreferenceAttribute;
  constexpr Attribute kAlignments[]{Attribute::kMinAlignmentA, Attribute::kMinAlignmentB,
                                    Attribute::kMinAlignmentC, Attribute::kMinAlignmentD};
  const uint64_t limit = workspace_bytes;
  cublaslt::Preference preference = nullptr;
  if (!ok(api.preference_create(&preference))) return false;
  cublaslt::Heuristic best{};
  int found = 0;
  bool told =
      ok(api.preference_set(preference, Attribute::kMaxWorkspaceBytes, &limit, sizeof(limit)));
  for (size_t i = 0; i < alignments.size(); ++i) {
    told = told && ok(api.preference_set(preference, kAlignments[i], &alignments[i],
                                         sizeof(alignments[i])));
  }
  const bool answered =
      told && ok(api.heuristic(handle, desc, w, x, residual, y, preference, 1, &best, &found));
  api.preference_destroy(preference);
  algorithm = best.algorithm;
  return answered && found > 0 && ok(best.state);
}

std::unique_ptr<CublasLtGemm> CublasLtGemm::make(const cublaslt::Library& library) {
  cublaslt::Handle handle = nullptr;
  if (!library.status.found || !ok(library.api.create(&handle))) return nullptr;
  return std::unique_ptr<CublasLtGemm>(new CublasLtGemm(library.api, handle));
}

CublasLtGemm::CublasLtGemm(const cublaslt::Api& api, cublaslt::Handle handle)
    : api_(api), handle_(handle) {}

CublasLtGemm::~CublasLtGemm() {
  plans_.clear();
  api_.destroy(handle_);
}

CublasLtGemm::Plan& CublasLtGemm::plan_for(const LtGemm& p, size_t workspace_bytes) {
  const Key key{p.m,
                p.n,
                p.k,
                p.ldx,
                p.ldw,
                p.ldy,
                p.ldr,
                static_cast<int>(p.input),
                static_cast<int>(p.output),
                p.bias != nullptr,
                p.residual != nullptr,
                workspace_bytes,
                alignments(p)};
  std::unique_ptr<Plan>& plan = plans_[key];
  if (!plan) {
    plan = std::make_unique<Plan>(api_);
    plan->usable = plan->describe(p) && plan->choose(handle_, workspace_bytes, alignments(p));
  }
  return *plan;
}

bool CublasLtGemm::run(const LtGemm& p, void* workspace, size_t workspace_bytes,
                       cublaslt::Stream stream) {
  Plan& plan = plan_for(p, workspace_bytes);
  if (!plan.usable) return false;
  if (p.bias) set(api_, plan.desc, DescAttribute::kBiasPointer, p.bias);
  const float one = 1.0f, beta = p.residual ? 1.0f : 0.0f;
  const Result result = api_.matmul(handle_, plan.desc, &one, p.w, plan.w, p.x, plan.x, &beta,
                                    p.residual ? p.residual : p.y, plan.residual, p.y, plan.y,
                                    &plan.algorithm, workspace, workspace_bytes, stream);
  require(ok(result), Code::kInternal, "cuBLASLt: the product of [", p.m, ", ", p.k, "] and [", p.n,
          ", ", p.k, "] transposed failed with status ", static_cast<int>(result), ".");
  return true;
}

}  // namespace vmolmo::cuda
