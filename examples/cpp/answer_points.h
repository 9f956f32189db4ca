#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

// The little of the text side that a program without JavaScript needs: ids of an answer to points.

struct Point {
  float x = 0;  // pixels of the frame
  float y = 0;
};

// The tokens of a checkpoint's tokenizer.json, by id.
std::map<int32_t, std::string> read_vocabulary(const std::string& path);

// The points of an answer such as `<points x1="20.5" y1="40.1" ...>`, whose coordinates are per
// cent of the frame. Pixels are whole ones, as the reference has them.
std::vector<Point> answer_points(const std::map<int32_t, std::string>& vocabulary,
                                 const std::vector<int32_t>& ids, float width, float height);
