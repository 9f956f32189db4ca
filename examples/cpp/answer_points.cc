#include "answer_points.h"

#include <cmath>
#include <fstream>
#include <iterator>
#include <regex>
#include <sstream>

#include "videomolmo/attributes.h"

std::map<int32_t, std::string> read_vocabulary(const std::string& path) {
  std::ifstream file(path);
  const std::string json(std::istreambuf_iterator<char>(file), {});
  const vmolmo::Attributes tokenizer = vmolmo::parse_attributes(json, path);
  const vmolmo::Attributes& model = *tokenizer.at("model").map();
  std::map<int32_t, std::string> vocabulary;
  for (const auto& [text, id] : *model.at("vocab").map())
    vocabulary[static_cast<int32_t>(*id.number())] = text;
  return vocabulary;
}

std::vector<Point> answer_points(const std::map<int32_t, std::string>& vocabulary,
                                 const std::vector<int32_t>& ids, float width, float height) {
  std::string text;
  for (const int32_t id : ids)
    if (const auto at = vocabulary.find(id); at != vocabulary.end()) text += at->second;
  // Byte-level vocabularies write a blank as U+0120; digits, letters and quotes stand for
  // themselves.
  const std::regex pair(
      "x[0-9]*=\"\\s*([0-9.]+)\\s*\"(?: |\xC4\xA0)*y[0-9]*=\"\\s*([0-9.]+)\\s*\"");
  std::vector<Point> points;
  for (std::sregex_iterator at(text.begin(), text.end(), pair), end; at != end; ++at) {
    points.push_back({static_cast<float>(std::trunc(std::stod((*at)[1]) / 100.0 * width)),
                      static_cast<float>(std::trunc(std::stod((*at)[2]) / 100.0 * height))});
  }
  return points;
}
