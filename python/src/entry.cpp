// Entry: what sources written in Python give and what ls lists.
#include <pybind11/stl.h>

#include <array>

#include "values.hpp"

namespace drkit::python {
namespace {

constexpr std::array<std::pair<EntryType, const char*>, 9> kTypes{{{EntryType::regular, "regular"},
                                                                   {EntryType::directory, "directory"},
                                                                   {EntryType::symlink, "symlink"},
                                                                   {EntryType::hardlink, "hardlink"},
                                                                   {EntryType::fifo, "fifo"},
                                                                   {EntryType::socket, "socket"},
                                                                   {EntryType::char_device, "char_device"},
                                                                   {EntryType::block_device, "block_device"},
                                                                   {EntryType::stream, "stream"}}};

const char* type_name(EntryType type) {
  for (const auto& [value, name] : kTypes) {
    if (value == type) return name;
  }
  return "unknown";
}

using Xattrs = std::map<std::string, py::bytes>;

Entry make_entry(const py::object& path, const std::string& type, std::optional<std::uint32_t> mode, std::uint32_t uid,
                 std::uint32_t gid, std::string user, std::string group, std::int64_t mtime_ns, std::uint64_t size,
                 const py::object& link_target, std::uint64_t device_number, const Xattrs& xattrs,
                 const std::tuple<std::uint64_t, std::uint64_t, std::int64_t>& fingerprint,
                 std::optional<Problem> problem) {
  Entry entry;
  entry.path = path_from_python(path);
  entry.type = entry_type_from(type);
  entry.mode = mode.value_or(entry.type == EntryType::directory ? 0755U : 0644U);
  entry.uid = uid;
  entry.gid = gid;
  entry.user = std::move(user);
  entry.group = std::move(group);
  entry.mtime_ns = mtime_ns;
  entry.size_bytes = size;
  entry.link_target = path_from_python(link_target);
  entry.device_number = device_number;
  for (const auto& [name, value] : xattrs) entry.xattrs.push_back({name, value.cast<std::string>()});
  entry.fingerprint = {std::get<0>(fingerprint), std::get<1>(fingerprint), std::get<2>(fingerprint)};
  entry.problem = std::move(problem);
  return entry;
}

py::object sha256_of(const Entry& entry) {
  const bool has_content = entry.type == EntryType::regular || entry.type == EntryType::stream;
  if (!has_content || entry.sha256 == Sha256Digest{}) return py::none();
  return py::bytes(reinterpret_cast<const char*>(entry.sha256.data()), entry.sha256.size()).attr("hex")();
}

py::dict dict_of(const Entry& entry) {
  py::dict dict;
  dict["path"] = path_to_python(entry.path);
  dict["type"] = type_name(entry.type);
  dict["mode"] = entry.mode;
  dict["uid"] = entry.uid;
  dict["gid"] = entry.gid;
  dict["user"] = path_to_python(entry.user);
  dict["group"] = path_to_python(entry.group);
  dict["mtime_ns"] = entry.mtime_ns;
  dict["size"] = entry.size_bytes;
  dict["link_target"] = path_to_python(entry.link_target);
  dict["sha256"] = sha256_of(entry);
  return dict;
}

py::dict xattrs_of(const Entry& entry) {
  py::dict dict;
  for (const auto& xattr : entry.xattrs) dict[path_to_python(xattr.name)] = py::bytes(xattr.value);
  return dict;
}

}  // namespace

EntryType entry_type_from(const std::string& name) {
  for (const auto& [value, known] : kTypes) {
    if (name == known) return value;
  }
  raise(Error(ErrorCode::invalid_argument, "unknown entry type").with("type", name));
}

void bind_entry(py::module_& module) {
  py::class_<Entry>(module, "Entry", "One file, directory or stream: a frozen value.")
      .def(py::init(&make_entry), py::arg("path"), py::arg("type") = "regular", py::kw_only(),
           py::arg("mode") = py::none(), py::arg("uid") = 0, py::arg("gid") = 0, py::arg("user") = "",
           py::arg("group") = "", py::arg("mtime_ns") = 0, py::arg("size") = 0, py::arg("link_target") = "",
           py::arg("device_number") = 0, py::arg("xattrs") = Xattrs(),
           py::arg("fingerprint") = std::make_tuple(0, 0, 0), py::arg("problem") = py::none())
      .def_property_readonly(
          "path", [](const Entry& e) { return path_to_python(e.path); },
          "Relative, parts joined by \"/\"; \"\" is the tree's root. Bytes that are not UTF-8 are "
          "surrogate escapes, as in os.fsdecode.")
      .def_property_readonly(
          "type", [](const Entry& e) { return type_name(e.type); },
          "\"regular\", \"directory\", \"symlink\", \"hardlink\", \"fifo\", \"socket\", "
          "\"char_device\", \"block_device\" or \"stream\".")
      .def_readonly("mode", &Entry::mode, "Permission bits.")
      .def_readonly("uid", &Entry::uid)
      .def_readonly("gid", &Entry::gid)
      .def_property_readonly("user", [](const Entry& e) { return path_to_python(e.user); })
      .def_property_readonly("group", [](const Entry& e) { return path_to_python(e.group); })
      .def_readonly("mtime_ns", &Entry::mtime_ns, "Units: nanoseconds since the Unix epoch.")
      .def_readonly("size", &Entry::size_bytes, "Units: bytes.")
      .def_property_readonly(
          "link_target", [](const Entry& e) { return path_to_python(e.link_target); },
          "A symlink's text; of a hardlink the path of the first name.")
      .def_readonly("device_number", &Entry::device_number)
      .def_property_readonly("xattrs", &xattrs_of, "A dict of name to bytes.")
      .def_property_readonly(
          "problem", [](const Entry& e) { return e.problem; }, "Problem, or None when complete.")
      .def_property_readonly("sha256", &sha256_of, "Of the content, hexadecimal; None when it has none.")
      .def("to_dict", &dict_of, "A dict of JSON's types alone.")
      .def(
          "__eq__", [](const Entry& e, const Entry& other) { return e == other; }, py::is_operator())
      .def("__hash__", [](const Entry& e) { return py::hash(py::bytes(e.path)); })
      .def("__repr__", [](const Entry& e) {
        return "<Entry " + py::repr(path_to_python(e.path)).cast<std::string>() + " " + type_name(e.type) + ">";
      });
}

}  // namespace drkit::python
