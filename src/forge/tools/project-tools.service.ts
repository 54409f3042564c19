import { Injectable } from '@nestjs/common';
import { z } from 'zod';
import { Tool } from '../../mcp/tools/tool.decorator.js';
import { ForgeClient } from '../api/forge-client.service.js';
import {
  ADDS,
  ByProject,
  CHANGES,
  DESTROYS,
  Nothing,
  projectId,
  READ_ONLY,
  recordText,
} from './tool-text.js';

const name = z.string().describe('Name of the project');
const script = z.string().nullable().optional();
const scripts = {
  setup_script: script.describe('Run in each new worktree before the agent'),
  dev_script: script.describe('Starts the development server'),
};
const CreateProject = z.object({
  name,
  repo_path: z.string().describe('Path of a git repository on the machine of the Forge server'),
  ...scripts,
});
const UpdateProject = z.object({ project_id: projectId, name: name.optional(), ...scripts });
const SearchFiles = z.object({
  project_id: projectId,
  query: z.string().describe('Part of a path'),
  mode: z.enum(['taskform', 'settings']).optional().describe("Which of Forge's searches"),
});

/** Forge's projects: the repositories in which agents work. */
@Injectable()
export class ProjectTools {
  readonly toolSet = 'forge';

  constructor(private readonly forge: ForgeClient) {}

  @Tool({
    scope: 'forge',
    name: 'forge_list_projects',
    description: 'List all projects',
    parameters: Nothing,
    annotations: READ_ONLY,
  })
  async list(): Promise<string> {
    const projects = await this.forge.listProjects();
    return recordText(`Projects (${projects.length})`, projects);
  }

  @Tool({
    scope: 'forge',
    name: 'forge_create_project',
    description: 'Create a project for an existing git repository',
    parameters: CreateProject,
    annotations: ADDS,
  })
  async create({
    name,
    repo_path,
    setup_script,
    dev_script,
  }: z.output<typeof CreateProject>): Promise<string> {
    const project = await this.forge.createProject({
      name,
      git_repo_path: repo_path,
      use_existing_repo: true,
      setup_script: setup_script ?? null,
      dev_script: dev_script ?? null,
      cleanup_script: null,
      copy_files: null,
    });
    return recordText('Project created', project);
  }

  @Tool({
    scope: 'forge',
    name: 'forge_get_project',
    description: 'Get one project',
    parameters: ByProject,
    annotations: READ_ONLY,
  })
  async get({ project_id }: z.output<typeof ByProject>): Promise<string> {
    return recordText('Project', await this.forge.getProject(project_id));
  }

  @Tool({
    scope: 'forge',
    name: 'forge_update_project',
    description: "Change a project's name or scripts",
    parameters: UpdateProject,
    annotations: CHANGES,
  })
  async update({ project_id, ...changes }: z.output<typeof UpdateProject>): Promise<string> {
    // Forge clears fields that an update omits.
    const { name, git_repo_path, setup_script, dev_script, cleanup_script, copy_files } =
      await this.forge.getProject(project_id);
    const kept = { name, git_repo_path, setup_script, dev_script, cleanup_script, copy_files };
    return recordText('Project updated', await this.forge.updateProject(project_id, { ...kept, ...changes }));
  }

  @Tool({
    scope: 'forge',
    name: 'forge_delete_project',
    description: 'Delete a project with its tasks; the repository stays',
    parameters: ByProject,
    annotations: DESTROYS,
  })
  async delete({ project_id }: z.output<typeof ByProject>): Promise<string> {
    await this.forge.deleteProject(project_id);
    return `Project deleted: ${project_id}`;
  }

  @Tool({
    scope: 'forge',
    name: 'forge_list_project_branches',
    description: "List the git branches of a project's repository",
    parameters: ByProject,
    annotations: READ_ONLY,
  })
  async branches({ project_id }: z.output<typeof ByProject>): Promise<string> {
    return recordText('Branches', await this.forge.listProjectBranches(project_id));
  }

  @Tool({
    scope: 'forge',
    name: 'forge_search_project_files',
    description: "Find files in a project's repository by name",
    parameters: SearchFiles,
    annotations: READ_ONLY,
  })
  async search({ project_id, query, mode }: z.output<typeof SearchFiles>): Promise<string> {
    return recordText('Files', await this.forge.searchProjectFiles(project_id, query, mode));
  }
}
