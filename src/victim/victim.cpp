/* The only file that uses libtorch.  No exception leaves it. */
#include "victim/plugin.h"

#include <ATen/Parallel.h>
#include <algorithm>
#include <barydef/victim.h>
#include <cmath>
#include <cstdio>
#include <exception>
#include <memory>
#include <string>
#include <torch/csrc/autograd/autograd.h>
#include <torch/csrc/jit/api/compilation_unit.h>
#include <torch/csrc/jit/api/function_impl.h>
#include <torch/script.h>
#include <torch/version.h>

namespace {
int say(const std::string &line, char *why) {
  std::snprintf(why, BD_PLUGIN_WHY, "%s", line.c_str());
  return 1;
}

/* What libtorch's messages mean for whoever has made the file.  The first that fits is said. */
const char *cure_of(const std::string &text) {
  static const struct {
    const char *sign, *cure;
  } cures[] = {
      {"Unknown builtin op: aten", "it was made by a newer PyTorch than libtorch " TORCH_VERSION
                                   "; export it with one that is not newer"},
      {"maximum supported version", "it was made by a newer PyTorch than libtorch " TORCH_VERSION
                                    "; export it with one that is not newer"},
      {"Unknown builtin op", "it needs an extension of PyTorch; export it without"},
      {"CUDA", "it asks for a GPU; move model and example to the CPU before the export"},
      {"cuda", "it asks for a GPU; move model and example to the CPU before the export"},
      {"expects float", "export it in float32, after model.float()"},
      {"Half", "export it in float32, after model.float()"},
      {"BFloat16", "export it in float32, after model.float()"},
      {"Double", "export it in float32, after model.float()"},
  };
  for (const auto &one : cures)
    if (text.find(one.sign) != std::string::npos) return one.cure;
  return nullptr;
}

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
  const char *cure = cure_of(text);
  /* The first sentence says it. */
  const size_t end = line.size() > 160 ? line.find(". ", 40) : std::string::npos;
  return say(line.substr(0, std::min(end, size_t{300})) + (cure ? std::string("; ") + cure : ""),
             why);
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

/* The classifier as it was loaded, and as it is asked.  What is made for inference has no gradient.
 */
struct Victim {
  torch::jit::Module loaded;
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

/* Make what is asked of what was loaded. */
void prepare(Victim *victim) {
  victim->differentiable = differentiable(victim->loaded);
  auto frozen = torch::jit::freeze(victim->loaded);
  try {
    /* Where oneDNN is available, its convolutions and memory layout are twice as fast. */
    frozen = torch::jit::optimize_for_inference(frozen);
  } catch (const std::exception &) {}
  run_as_written(frozen);
  victim->fast = frozen;
}

/* Make every tensor of another floating type float32.  Returns the type of one, or nullptr. */
const char *cast_all(const torch::jit::Module &loaded) {
  const char *found = nullptr;
  for (auto module : loaded.modules())
    for (const auto &attribute : module.named_attributes(false)) {
      if (!attribute.value.isTensor()) continue;
      const at::Tensor tensor = attribute.value.toTensor();
      if (!tensor.defined() || !tensor.is_floating_point() || tensor.scalar_type() == at::kFloat)
        continue;
      found = tensor.scalar_type() == at::kHalf       ? "float16"
              : tensor.scalar_type() == at::kBFloat16 ? "bfloat16"
                                                      : "float64";
      module.setattr(attribute.name, tensor.detach().to(at::kFloat));
    }
  return found;
}

int load(const char *path, void **module, char *why) {
  try {
    /* A rank has one core, and the number of threads must not change a logit. */
    at::set_num_threads(1);
    auto victim = std::make_unique<Victim>();
    victim->loaded = torch::jit::load(path, at::kCPU);
    victim->loaded.eval();
    try {
      prepare(victim.get());
    } catch (const std::exception &) {
      /* To fold constants takes arithmetic in their type, which the processor may not have. */
      victim->fast = victim->differentiable = victim->loaded;
      run_as_written(victim->loaded);
    }
    *module = victim.release();
    return 0;
  } catch (const std::exception &error) {
    return explain(error.what(), why);
  }
}

int cast(void *module, const char **what, char *why) {
  try {
    auto victim = static_cast<Victim *>(module);
    const char *found = cast_all(victim->loaded);
    if (!found) return 1;
    *what = found;
    prepare(victim);
    return 0;
  } catch (const std::exception &error) {
    return explain(error.what(), why);
  }
}

/* ---- the logits in an answer ------------------------------------------------------- */

struct Candidates {
  at::Tensor logits;
  std::string where;
  int count = 0, tensors = 0;
};

/* Look for tensors [count][classes] in a value, which may hold others. */
void search(const at::IValue &value, int count, const std::string &where, Candidates *found) {
  if (value.isTensor()) {
    const at::Tensor tensor = value.toTensor();
    found->tensors++;
    if (!tensor.is_floating_point() || tensor.dim() != 2 || tensor.size(0) != count ||
        tensor.size(1) < 2)
      return;
    if (found->count++ == 0) found->logits = tensor, found->where = where;
  } else if (value.isTuple() || value.isList()) {
    const auto elements =
        value.isTuple() ? value.toTupleRef().elements().vec() : value.toListRef().vec();
    for (size_t i = 0; i < elements.size(); i++)
      search(elements[i], count, where + "[" + std::to_string(i) + "]", found);
  } else if (value.isGenericDict()) {
    for (const auto &entry : value.toGenericDict())
      search(entry.value(), count,
             where + "[" + (entry.key().isString() ? entry.key().toStringRef() : "?") + "]", found);
  }
}

/* Where the logits of an answer of several values are, it is told in `taken`. */
int find_logits(const at::IValue &value, int count, at::Tensor *logits, char *taken, size_t room,
                char *why) {
  Candidates found;
  const std::string wanted = "[" + std::to_string(count) + ", classes]";
  search(value, count, "output", &found);
  if (value.isTensor()) found.logits = value.toTensor();
  else if (found.count != 1)
    return say("gives " + std::string(value.tagKind()) + " with " + std::to_string(found.count) +
                   " tensors of shape " + wanted + " in it; export a model that gives the logits " +
                   "alone",
               why);
  else std::snprintf(taken, room, "%s", found.where.c_str());
  *logits = found.logits.to(at::kCPU, at::kFloat).contiguous();
  return 0;
}
/* The class of the largest logit of each row, or BD_VICTIM_NAN. */
void choose(const float *row, bd_plugin_answer_t *answer, int count) {
  for (int i = 0; i < count; i++, row += answer->class_count) {
    const bool has_nan =
        std::any_of(row, row + answer->class_count, [](float logit) { return std::isnan(logit); });
    answer->classes[i] =
        has_nan ? BD_VICTIM_NAN
                : static_cast<int32_t>(std::max_element(row, row + answer->class_count) - row);
  }
}

int explain_shape(const at::Tensor &logits, int count, char *why) {
  std::string shape = "[";
  for (int64_t i = 0; i < logits.dim(); i++)
    shape += (i ? ", " : "") + std::to_string(logits.size(i));
  shape = "gives shape " + shape + "] for " + std::to_string(count) + " images, not [" +
          std::to_string(count) + ", classes]";
  return say(shape, why);
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
    at::Tensor logits;
    if (find_logits(value, count, &logits, answer->taken, sizeof answer->taken, answer->why))
      return 1;
    if (logits.dim() != 2 || logits.size(0) != count || logits.size(1) < 2)
      return explain_shape(logits, count, answer->why);
    const int classes = static_cast<int>(logits.size(1));
    if (answer->logits && classes != answer->class_count)
      return say("gives now more and now fewer classes", answer->why);
    answer->class_count = classes;
    if (answer->logits) std::copy_n(logits.data_ptr<float>(), count * classes, answer->logits);
    choose(logits.data_ptr<float>(), answer, count);
    return 0;
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
    const int count = images->count, classes = asked->class_count;
    at::Tensor logits;
    char taken[1];
    if (find_logits(value, count, &logits, taken, sizeof taken, asked->why)) return 1;
    if (logits.dim() != 2 || logits.size(0) != count || logits.size(1) != classes)
      return explain_shape(logits, count, asked->why);
    std::copy_n(logits.data_ptr<float>(), count * classes, asked->logits);
    if (!asked->weigh) return 0;
    if (!logits.requires_grad()) return say("has no gradient by its pixels", asked->why);
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

extern "C" const bd_victim_plugin_t bd_victim_plugin = {TORCH_VERSION, load,     cast,
                                                        classify,      gradient, destroy};
