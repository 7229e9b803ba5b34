// The parts of a report, each as HTML.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "report/report.h"

namespace medgen::report {

// The page's own style and script: it has no others.
std::string_view report_style();
std::string_view report_script();

std::string results_table(const research::Metrics& metrics);  // the measures that most papers give
std::string more_measures_table(
    const research::Metrics& metrics);  // the others, and finish reasons
std::string differences_table(
    const research::Metrics& metrics);  // from the baseline; empty without one

// The results again, to be pasted elsewhere.
std::string results_markdown(const research::Metrics& metrics);
std::string results_latex(const research::Metrics& metrics);

// <figure>s: diversity against quality, and each measure along each swept variable.
std::string report_figures(const research::Metrics& metrics, const ReportContext& context);

// What differs between the settings as a table, and what does not.
std::string settings_section(const ReportContext& context);

// Texts of the same prompts under all settings.
std::string samples_section(const research::Metrics& metrics,
                            const std::vector<research::Sample>& samples);

}  // namespace medgen::report
