/* The only file that uses libtorch.  No exception leaves it. */
#include "victim/plugin.h"

#include <ATen/Parallel.h>
#include <algorithm>
#include <cstdio>
#include <exception>
#include <string>
#include <torch/csrc/autograd/autograd.h>
#include <torch/csrc/jit/api/compilation_unit.h>
#include <torch/csrc/jit/api/function_impl.h>
#include <torch/script.h>
#include <torch/version.h>

namespace {

/* Keep the first line that says something, since libtorch's messages carry stack traces. */
int explain(const char *what, char *why) {
  std::string text(what), line;
  size_t begin = 0;
  while (begin < text.size()) {
    size_t end = text.find('\n', begin);
    if (end == std::string::npos) end = text.size();
    std::string candidate = text.substr(begin, end - begin);
    begin = end + 1;
    if (candidate.find_first_not_of(" \t") == std::string::npos ||
        candidate.compare(0, 7, "frame #") == 0)
      continue;
    if (line.empty()) line = candidate;
    if (candidate.compare(0, 12, "RuntimeError") == 0 ||
        candidate.find("Error:") != std::string::npos)
      line = candidate;
  }
  std::snprintf(why, BD_PLUGIN_WHY, "%s", line.c_str());
  return 1;
}

/* Have the module run as it is written.  libtorch would watch the first calls and then recompile
   the module for what it has seen: with LLVM this takes minutes, and the fused kernels give other
   digits than the first calls (pytorch issue 74534).  The mode is one of the victim's own
   functions, so that TorchScript of the calling program keeps libtorch's settings, and these do not
   reach the victim. */
void run_as_written(const torch::jit::Module &module) {
  for (torch::jit::Function *function : module._ivalue()->compilation_unit()->get_functions()) {
    /* A function that freezing has removed is null. */
    auto *graph = function ? torch::jit::tryToGraphFunction(*function) : nullptr;
    if (graph)
      graph->_set_initial_executor_execution_mode(torch::jit::ExecutorExecutionMode::SIMPLE);
  }
}

/* The classifier twice.  What is made for inference has no gradient. */
struct Victim {
  torch::jit::Module fast;
  torch::jit::Module differentiable;
};

/* A module whose pixels alone have a gradient. */
torch::jit::Module differentiable(const torch::jit::Module &loaded) {
  auto module = loaded.clone();
  for (auto parameter : module.parameters()) parameter.set_requires_grad(false);
  auto frozen = torch::jit::freeze(module);
  run_as_written(frozen);
  return frozen;
}

int load(const char *path, void **module, char *why) {
  try {
    /* A rank has one core, and the number of threads must not change a logit. */
    at::set_num_threads(1);
    auto loaded = torch::jit::load(path, at::kCPU);
    loaded.eval();
    auto slow = differentiable(loaded), frozen = torch::jit::freeze(loaded);
    try {
      /* Where oneDNN is available, its convolutions and memory layout are twice as fast. */
      frozen = torch::jit::optimize_for_inference(frozen);
    } catch (const std::exception &) {}
    run_as_written(frozen);
    *module = new Victim{frozen, slow};
    return 0;
  } catch (const std::exception &error) {
    return explain(error.what(), why);
  }
}

/* The class of the largest logit of each row; NaN is an error. */
int choose(const float *row, bd_plugin_answer_t *answer, int count) {
  for (int i = 0; i < count; i++, row += answer->class_count) {
    int best = 0;
    for (int c = 0; c < answer->class_count; c++) {
      if (row[c] != row[c]) return explain("gives NaN", answer->why);
      if (row[c] > row[best]) best = c;
    }
    answer->classes[i] = best;
  }
  return 0;
}

int explain_shape(const at::Tensor &logits, int count, char *why) {
  std::string shape = "[";
  for (int64_t i = 0; i < logits.dim(); i++)
    shape += (i ? ", " : "") + std::to_string(logits.size(i));
  shape = "gives shape " + shape + "] for " + std::to_string(count) + " images, not [" +
          std::to_string(count) + ", classes]";
  return explain(shape.c_str(), why);
}

at::Tensor pixels_of(const bd_plugin_images_t *images) {
  return torch::from_blob(const_cast<float *>(images->pixels),
                          {images->count, images->channels, images->height, images->width},
                          at::kFloat);
}

int classify(void *module, const bd_plugin_images_t *images, bd_plugin_answer_t *answer) {
  try {
    torch::InferenceMode guard;
    const int count = images->count;
    auto input = pixels_of(images);
    auto value = static_cast<Victim *>(module)->fast.forward({input});
    if (!value.isTensor()) return explain("gives no tensor", answer->why);
    auto logits = value.toTensor().to(at::kCPU, at::kFloat).contiguous();
    if (logits.dim() != 2 || logits.size(0) != count || logits.size(1) < 2)
      return explain_shape(logits, count, answer->why);
    answer->class_count = static_cast<int>(logits.size(1));
    return choose(logits.data_ptr<float>(), answer, count);
  } catch (const std::exception &error) {
    return explain(error.what(), answer->why);
  }
}

int gradient(void *module, const bd_plugin_images_t *images, bd_plugin_gradient_t *asked) {
  try {
    at::AutoGradMode mode(asked->weigh != nullptr);
    auto input = pixels_of(images);
    if (asked->weigh) input.set_requires_grad(true);
    auto value = static_cast<Victim *>(module)->differentiable.forward({input});
    if (!value.isTensor()) return explain("gives no tensor", asked->why);
    auto logits = value.toTensor().to(at::kCPU, at::kFloat).contiguous();
    const int count = images->count, classes = asked->class_count;
    if (logits.dim() != 2 || logits.size(0) != count || logits.size(1) != classes)
      return explain_shape(logits, count, asked->why);
    std::copy_n(logits.data_ptr<float>(), count * classes, asked->logits);
    if (!asked->weigh) return 0;
    if (!logits.requires_grad()) return explain("has no gradient by its pixels", asked->why);
    auto weights = torch::empty_like(logits, at::TensorOptions().requires_grad(false));
    asked->weigh(asked->context, asked->logits, weights.data_ptr<float>());
    auto found = torch::autograd::grad({logits}, {input}, {weights})[0].contiguous();
    std::copy_n(found.data_ptr<float>(), found.numel(), asked->gradient);
    return 0;
  } catch (const std::exception &error) {
    return explain(error.what(), asked->why);
  }
}

void destroy(void *module) { delete static_cast<Victim *>(module); }

} // namespace

extern "C" const bd_victim_plugin_t bd_victim_plugin = {TORCH_VERSION, load, classify, gradient,
                                                        destroy};
