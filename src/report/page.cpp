#include "report/page.h"

#include <cstdint>

#include "base/sha256.h"
#include "report/chart_parts.h"

namespace medgen::report {
namespace {

// The page may only run the script with this hash: even text that became markup could not run.
std::string base64_sha256(std::string_view text) {
  constexpr std::string_view kLetters =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  const std::string hex = base::sha256(text);
  std::string out;
  for (std::size_t at = 0; at < hex.size(); at += 6) {  // three bytes make four letters
    const std::string part = hex.substr(at, 6);
    std::uint32_t bits = static_cast<std::uint32_t>(std::stoul(part, nullptr, 16));
    bits <<= 4 * (6 - part.size());
    const std::size_t letters = part.size() * 4 / 6 + (part.size() < 6 ? 1 : 0);
    for (std::size_t i = 0; i < 4; ++i) {
      out += i < letters ? kLetters[bits >> (18 - 6 * i) & 63U] : '=';
    }
  }
  return out;
}

}  // namespace

std::string page(const Page& page) {
  const std::string title = escape_markup(page.title);
  const std::string allowed =
      page.script.empty() ? "" : "script-src 'sha256-" + base64_sha256(page.script) + "'; ";
  std::string out =
      "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
      "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
      "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src "
      "'unsafe-inline'; " +
      allowed + "base-uri 'none'; form-action 'none'\">\n<title>" + title + "</title>\n<style>" +
      std::string(page.style) + "</style>\n</head>\n<body>\n<main>\n<h1>" + title + "</h1>\n" +
      page.body + "</main>\n";
  if (!page.script.empty()) out += "<script>" + std::string(page.script) + "</script>\n";
  return out + "</body>\n</html>\n";
}

}  // namespace medgen::report
