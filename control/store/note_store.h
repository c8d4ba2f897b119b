// Notes: what clients of EC2 said of a VPC, subnet, route table or security group, to be told so again: names,
// descriptions, tags, what a route was said to lead to. Nothing of it reaches a table of mappings.
//
// They go with what they are of. Rows in, values out, no judgement.
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "control/store/sqlite.h"

namespace hypernat::control {

/// By name, of one thing.
using Notes = std::map<std::string, std::string>;

/// Makes the tables; where mappings are already, with who asked for them first as far as that is known.
void make_note_tables(Database& database);

Notes find_notes(Database& database, const std::string& account, const std::string& resource);
/// Of everything that the account has, by id.
std::map<std::string, Notes> list_notes(Database& database, const std::string& account);
/// Replaces the note of that name.
void put_note(Database& database, const std::string& account, const std::string& resource, const std::string& name,
              const std::string& value);
void erase_note(Database& database, const std::string& account, const std::string& resource, const std::string& name);

/// The function that a mapping was made for; empty when none ever referred to it.
std::string first_function(Database& database, std::uint64_t mapping);

}  // namespace hypernat::control
