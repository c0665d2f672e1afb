// drkit version: what this build is.
#include "session.hpp"

namespace cli {

void add_version(CLI::App& app, Session& session) {
  CLI::App* verb = session.add_verb(app, "version", "Show the version", "drkit version --json", false);
  session.on(verb, [](Session& s) -> drkit::Result<int> {
    if (s.json()) {
      s.print_document({{"status", "complete"}, {"version", DRKIT_VERSION}, {"format_version", drkit::kFormatVersion}});
    } else {
      s.print("drkit " DRKIT_VERSION ", repository format " + std::to_string(drkit::kFormatVersion) + "\n");
    }
    return kComplete;
  });
}

}  // namespace cli
